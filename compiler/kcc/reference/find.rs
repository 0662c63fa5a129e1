//! What a path such as `services.health.http` leads to. Names that somebody
//! chose may be left out, so that `services.web.health.http` is the same.

use kcc_diag::nearest;

use super::definition::references;
use super::{BLOCKS, Definition, Field, ROOT, Reference};

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'a> {
    /// The path, with `*` for a name that somebody chooses.
    pub path: Vec<String>,
    /// The field.
    pub field: &'a Field,
    /// The definition that the field stands in.
    pub inside: &'a Definition,
    /// The definition of what it holds, if it has one.
    pub holds: Option<&'a Definition>,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The last part that is there; empty for the root.
    pub above: String,
    /// The part that is not.
    pub name: String,
    /// The name that may be meant.
    pub near: Option<String>,
}

impl Reference {
    /// What a path leads to.
    pub fn find(&self, path: &[String]) -> Result<Found<'_>, Unknown> {
        let mut found: Option<Found<'_>> = None;
        // Whether a name that somebody chose may come next.
        let mut open = false;
        for (at, name) in path.iter().enumerate() {
            let inside = match &found {
                None => self.at_root(),
                Some(found) => self.structs(found.holds),
            };
            let next = inside.iter().find_map(|definition| {
                let field = definition.fields.iter().find(|field| &field.name == name)?;
                Some((*definition, field))
            });
            match (next, &mut found) {
                (Some((inside, field)), _) => {
                    let mut path = found.map(|found| found.path).unwrap_or_default();
                    if open {
                        path.push("*".to_owned());
                    }
                    path.push(name.clone());
                    let holds = references(&field.of).next();
                    found = Some(Found {
                        path,
                        field,
                        inside,
                        holds: holds.and_then(|name| self.definition(name)),
                    });
                    open = is_open(&field.of);
                }
                (None, Some(found))
                    if open && !(at + 1 == path.len() && misspelt(name, &inside)) =>
                {
                    open = false;
                    found.path.push("*".to_owned());
                }
                (None, found) => {
                    let names: Vec<&str> = inside
                        .iter()
                        .flat_map(|definition| &definition.fields)
                        .map(|field| field.name.as_str())
                        .collect();
                    return Err(Unknown {
                        above: found
                            .as_ref()
                            .map(|found| found.path.join("."))
                            .unwrap_or_default(),
                        name: name.clone(),
                        near: nearest(name, names.iter().copied()).map(str::to_owned),
                    });
                }
            }
        }
        found.ok_or_else(|| Unknown {
            above: String::new(),
            name: String::new(),
            near: None,
        })
    }

    /// The definitions that hold the fields of the first level.
    fn at_root(&self) -> Vec<&Definition> {
        [ROOT, BLOCKS]
            .iter()
            .filter_map(|name| self.definition(name))
            .collect()
    }

    /// A definition and those it is made of, which hold its fields.
    fn structs<'a>(&'a self, of: Option<&'a Definition>) -> Vec<&'a Definition> {
        let Some(of) = of else {
            return Vec::new();
        };
        let mut all = vec![of];
        all.extend(references(&of.is).filter_map(|name| self.definition(name)));
        all
    }

    /// All paths that lead to a definition.
    pub fn places(&self, of: &str) -> Vec<String> {
        let mut places = Vec::new();
        for root in self.at_root() {
            self.walk(root, &mut Vec::new(), of, &mut places);
        }
        places
    }

    fn walk<'a>(
        &'a self,
        inside: &'a Definition,
        path: &mut Vec<&'a str>,
        of: &str,
        places: &mut Vec<String>,
    ) {
        for field in inside.fields.iter().filter(|field| !field.name.is_empty()) {
            let open = is_open(&field.of);
            path.push(&field.name);
            if open {
                path.push("*");
            }
            for name in references(&field.of) {
                // What holds the whole model again has its places already.
                if name == of && !places.contains(&path.join(".")) {
                    places.push(path.join("."));
                }
                if name == ROOT || path.len() > 12 {
                    continue;
                }
                for next in self.structs(self.definition(name)) {
                    if next.name == of && !places.contains(&path.join(".")) {
                        places.push(path.join("."));
                    }
                    self.walk(next, path, of, places);
                }
            }
            if open {
                path.pop();
            }
            path.pop();
        }
    }
}

/// Whether a name is all but that of a field: then it is no name that somebody
/// chose for something else.
fn misspelt(name: &str, inside: &[&Definition]) -> bool {
    let fields = inside.iter().flat_map(|definition| &definition.fields);
    nearest(name, fields.map(|field| field.name.as_str())).is_some()
}

/// Whether a type is a struct whose names somebody chooses.
fn is_open(of: &str) -> bool {
    of.starts_with("[string]:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Reference {
        Reference::read([
            "#Root: {\n\t// All.\n\tservices?: [string]: #Service\n}\n",
            "#Service: {\n\t// One.\n\thealth?: #Health\n\t// Two.\n\tenv?: [string]: #EnvValue\n}\n",
            "#Health: {\n\t// Three.\n\thttp?: string\n}\n#EnvValue: string | #EnvSource\n#EnvSource: {\n\t// Four.\n\tsecret?: string\n}\n",
        ])
    }

    fn find(text: &str) -> Result<String, Unknown> {
        let path: Vec<String> = text.split('.').map(str::to_owned).collect();
        let reference = reference();
        reference.find(&path).map(|found| {
            let holds = found.holds.map_or("", |holds| &holds.name);
            format!("{} {} {holds}", found.path.join("."), found.field.text)
        })
    }

    #[test]
    fn names_that_somebody_chose_may_be_left_out() {
        for (path, found) in [
            ("services", "services All. Service"),
            ("services.web", "services.* All. Service"),
            ("services.health", "services.*.health One. Health"),
            ("services.web.health.http", "services.*.health.http Three. "),
            ("services.env.LOG", "services.*.env.* Two. EnvValue"),
            ("services.env.KEY.secret", "services.*.env.*.secret Four. "),
        ] {
            assert_eq!(find(path).as_deref(), Ok(found), "{path}");
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        let unknown = |above: &str, name: &str, near: Option<&str>| {
            Err(Unknown {
                above: above.to_owned(),
                name: name.to_owned(),
                near: near.map(str::to_owned),
            })
        };
        assert_eq!(find("servces"), unknown("", "servces", Some("services")));
        assert_eq!(
            find("services.halth"),
            unknown("services", "halth", Some("health"))
        );
        assert_eq!(
            find("services.web.nothing"),
            unknown("services.*", "nothing", None)
        );
        assert_eq!(
            find("services.health.http.x"),
            unknown("services.*.health.http", "x", None)
        );
    }

    #[test]
    fn places_are_all_paths_to_a_definition() {
        let reference = reference();
        assert_eq!(reference.places("EnvSource"), ["services.*.env.*"]);
        assert_eq!(reference.places("Service"), ["services.*"]);
    }
}
