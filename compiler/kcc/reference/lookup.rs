//! Resolves a path such as `services.health.http` to a field of the schema. Names
//! of components and the like may be omitted or present: `services.web.health.http`
//! resolves to the same field.

use kcc_diag::nearest;
use kcc_tree::schema::{Definition, Field, references};

use super::{BLOCKS, ROOT, Reference};

/// The field that a path resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedField<'a> {
    /// The path, with `*` for user-chosen names.
    pub path: Vec<String>,
    /// The field.
    pub field: &'a Field,
    /// The definition that contains the field.
    pub parent: &'a Definition,
    /// The definition of its value, if it refers to one.
    pub value: Option<&'a Definition>,
}

/// A field that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownField {
    /// The longest existing prefix of the path; empty for the root.
    pub parent: String,
    /// The unknown name.
    pub name: String,
    /// The most similar name.
    pub similar: Option<String>,
}

impl<'a> Reference<'a> {
    /// Resolves a path.
    pub fn resolve(self, path: &[String]) -> Result<ResolvedField<'a>, UnknownField> {
        let mut found: Option<ResolvedField<'a>> = None;
        // Set while the next element may be a user-chosen name.
        let mut open = false;
        for (at, name) in path.iter().enumerate() {
            let candidates = match &found {
                None => self.at_root(),
                Some(found) => self.structs(found.value),
            };
            let next = candidates.iter().find_map(|definition| {
                let field = definition.fields.iter().find(|field| &field.name == name)?;
                Some((*definition, field))
            });
            match (next, &mut found) {
                (Some((parent, field)), _) => {
                    let mut path = found.map(|found| found.path).unwrap_or_default();
                    if open {
                        path.push("*".to_owned());
                    }
                    path.push(name.clone());
                    let value = references(&field.of).next();
                    found = Some(ResolvedField {
                        path,
                        field,
                        parent,
                        value: value.and_then(|name| self.definition(name)),
                    });
                    open = field.map().is_some();
                }
                (None, Some(found))
                    if open && !(at + 1 == path.len() && is_misspelt(name, &candidates)) =>
                {
                    open = false;
                    found.path.push("*".to_owned());
                }
                (None, found) => {
                    let names: Vec<&str> = candidates
                        .iter()
                        .flat_map(|definition| &definition.fields)
                        .map(|field| field.name.as_str())
                        .collect();
                    return Err(UnknownField {
                        parent: found
                            .as_ref()
                            .map(|found| found.path.join("."))
                            .unwrap_or_default(),
                        name: name.clone(),
                        similar: nearest(name, names.iter().copied()).map(str::to_owned),
                    });
                }
            }
        }
        found.ok_or_else(|| UnknownField {
            parent: String::new(),
            name: String::new(),
            similar: None,
        })
    }

    /// Returns the definitions that contain the fields of the root.
    fn at_root(self) -> Vec<&'a Definition> {
        [ROOT, BLOCKS]
            .iter()
            .filter_map(|name| self.definition(name))
            .collect()
    }

    /// Returns a definition and those it embeds: together they contain its fields.
    fn structs(self, of: Option<&'a Definition>) -> Vec<&'a Definition> {
        let Some(of) = of else {
            return Vec::new();
        };
        let mut all = vec![of];
        all.extend(references(&of.is).filter_map(|name| self.definition(name)));
        all
    }

    /// Returns all paths whose value is a definition.
    pub fn paths_to(self, of: &str) -> Vec<String> {
        let mut paths = Vec::new();
        for root in self.at_root() {
            self.walk(root, &mut Vec::new(), of, &mut paths);
        }
        paths
    }

    fn walk(
        self,
        inside: &'a Definition,
        path: &mut Vec<&'a str>,
        of: &str,
        paths: &mut Vec<String>,
    ) {
        for field in inside.fields.iter().filter(|field| !field.name.is_empty()) {
            let open = field.map().is_some();
            path.push(&field.name);
            if open {
                path.push("*");
            }
            for name in references(&field.of) {
                // Overlays contain the whole model again, whose paths are known.
                if name == of && !paths.contains(&path.join(".")) {
                    paths.push(path.join("."));
                }
                if name == ROOT || path.len() > 12 {
                    continue;
                }
                for next in self.structs(self.definition(name)) {
                    if next.name == of && !paths.contains(&path.join(".")) {
                        paths.push(path.join("."));
                    }
                    self.walk(next, path, of, paths);
                }
            }
            if open {
                path.pop();
            }
            path.pop();
        }
    }
}

/// Returns true if a name is similar to that of a field, and therefore probably not
/// a user-chosen name.
fn is_misspelt(name: &str, candidates: &[&Definition]) -> bool {
    let fields = candidates.iter().flat_map(|definition| &definition.fields);
    nearest(name, fields.map(|field| field.name.as_str())).is_some()
}

#[cfg(test)]
mod tests {
    use kcc_tree::schema::Schema;
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let definition = |name: &str, is: &str, fields: &[(&str, &str, &str)]| {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, of, text)| json!({"name": name, "type": of, "text": text}))
                .collect();
            json!({"name": name, "text": "", "example": "", "is": is, "fields": fields})
        };
        let definitions = [
            definition("EnvSource", "", &[("secret", "string", "Four.")]),
            definition("EnvValue", "string | #EnvSource", &[]),
            definition("Health", "", &[("http", "string", "Three.")]),
            definition("Root", "", &[("services", "[string]: #Service", "All.")]),
            definition(
                "Service",
                "",
                &[
                    ("health", "#Health", "One."),
                    ("env", "[string]: #EnvValue", "Two."),
                ],
            ),
        ];
        serde_json::from_value(json!({"definitions": definitions})).unwrap()
    }

    fn find(text: &str) -> Result<String, UnknownField> {
        let path: Vec<String> = text.split('.').map(str::to_owned).collect();
        let schema = schema();
        Reference::new(&schema).resolve(&path).map(|found| {
            let value = found.value.map_or("", |value| &value.name);
            format!("{} {} {value}", found.path.join("."), found.field.text)
        })
    }

    #[test]
    fn user_chosen_names_may_be_omitted() {
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
    fn reports_the_unknown_name_and_its_parent() {
        let unknown = |parent: &str, name: &str, similar: Option<&str>| {
            Err(UnknownField {
                parent: parent.to_owned(),
                name: name.to_owned(),
                similar: similar.map(str::to_owned),
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
    fn finds_all_paths_to_a_definition() {
        let schema = schema();
        let reference = Reference::new(&schema);
        assert_eq!(reference.paths_to("EnvSource"), ["services.*.env.*"]);
        assert_eq!(reference.paths_to("Service"), ["services.*"]);
    }
}
