//! [`Place`]: what a path on the command line means, and what it probably
//! meant where it leads nowhere.

use std::{collections::BTreeSet, fmt};

use kcc_diag::{listed, nearest};
use kcc_tree::{ConfigTree, Path, Value};

use super::spelling::spellings;
use crate::failure::Failure;

/// What somebody asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A path of the model, such as `services.web.replicas`.
    Model(Path),
    /// An object that kcc renders, and a path in it: `deployment/web:spec.replicas`.
    Rendered {
        /// The kind of the object, in lower case.
        kind: String,
        /// Its name.
        name: String,
        /// The path in it; empty for the whole object.
        field: Path,
    },
}

impl Place {
    /// Reads a path: names with dots between them, quoted where they have dots
    /// of their own; `[N]` for an element of a list.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |what: String| {
            Failure::usage(
                what,
                "write a path such as `services.web.replicas`, or one of a rendered object such \
                 as `deployment/web:spec.replicas`",
            )
        };
        let kind = text.split_once('/').filter(|(kind, _)| {
            !kind.is_empty() && kind.chars().all(|c| c.is_ascii_alphanumeric())
        });
        let Some((kind, rest)) = kind else {
            let path = path(text).ok_or_else(|| wrong(format!("`{text}` is no path")))?;
            return Ok(Self::Model(path));
        };
        let (name, field) = rest.split_once(':').unwrap_or((rest, ""));
        let field = if field.is_empty() {
            Some(Path::default())
        } else {
            path(field)
        };
        match field {
            Some(field) if !name.is_empty() => Ok(Self::Rendered {
                kind: kind.to_lowercase(),
                name: name.to_owned(),
                field,
            }),
            _ => Err(wrong(format!("`{text}` is no path of an object"))),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(path) => path.fmt(f),
            Self::Rendered { kind, name, field } if field.0.is_empty() => {
                write!(f, "{kind}/{name}")
            }
            Self::Rendered { kind, name, field } => write!(f, "{kind}/{name}:{field}"),
        }
    }
}

/// The names of a dotted path; none if one is empty or a quote is not closed.
fn path(text: &str) -> Option<Path> {
    let mut names = vec![String::new()];
    let mut quoted = false;
    let mut written = false;
    let mut ended = false;
    for c in text.chars() {
        let last = names.last_mut()?;
        match c {
            '"' => {
                quoted = !quoted;
                written = true;
            }
            _ if quoted => last.push(c),
            '.' | '[' => {
                if last.is_empty() && !written {
                    return None;
                }
                names.push(String::new());
                (written, ended) = (false, false);
            }
            ']' if last.is_empty() => return None,
            ']' => ended = true,
            // Nothing stands between `]` and the next dot.
            _ if ended => return None,
            c => last.push(c),
        }
    }
    let whole = !quoted && (written || names.last().is_some_and(|last| !last.is_empty()));
    whole.then_some(Path(names))
}

/// That a path of the model leads nowhere, and what it probably meant.
pub fn unknown(tree: &ConfigTree, targets: &BTreeSet<&str>, path: &Path) -> Failure {
    let names: Vec<&str> = targets.iter().copied().collect();
    let message = format!("there is nothing at `{path}` in {}", names.join(", "));
    // As far as the path leads, in the target where it leads farthest.
    let depth = targets
        .iter()
        .map(|target| depth(tree, target, path))
        .max()
        .unwrap_or_default();
    let above = Path(path.0[..depth.min(path.0.len())].to_vec());
    let known: BTreeSet<&str> = targets
        .iter()
        .flat_map(|target| children(tree, target, &above))
        .collect();
    let wrong = path.0.get(depth).map_or("", String::as_str);
    let help = if let Some(better) = nearest(wrong, known.iter().copied()) {
        let mut names = path.0.clone();
        if let Some(name) = names.get_mut(depth) {
            better.clone_into(name);
        }
        format!("did you mean `{}`?", Path(names))
    } else if let Some(elsewhere) = elsewhere(tree, targets, path) {
        format!("did you mean `{elsewhere}`?")
    } else if known.is_empty() {
        format!("`{above}` is a value by itself")
    } else {
        let known: Vec<&str> = known.into_iter().collect();
        let place = if above.0.is_empty() {
            "the model".to_owned()
        } else {
            format!("`{above}`")
        };
        format!("{place} has {}", listed(&known))
    };
    Failure::usage(message, help)
}

fn depth(tree: &ConfigTree, target: &str, path: &Path) -> usize {
    (0..=path.0.len())
        .rev()
        .find(|length| {
            tree.get(target, &Path(path.0[..*length].to_vec()))
                .is_some()
        })
        .unwrap_or_default()
}

fn children<'a>(tree: &'a ConfigTree, target: &str, path: &Path) -> Vec<&'a str> {
    match tree.get(target, path).map(|node| &node.value) {
        Some(Value::Struct(fields)) => fields.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The path with the root field that has a component of that name, where the
/// first name was left out or is another's.
fn elsewhere(tree: &ConfigTree, targets: &BTreeSet<&str>, path: &Path) -> Option<Path> {
    let fields: BTreeSet<&str> = targets
        .iter()
        .flat_map(|target| children(tree, target, &Path::default()))
        .collect();
    let tails = [path.0.as_slice(), path.0.get(1..).unwrap_or_default()];
    let mut candidates = fields.iter().flat_map(|field| {
        tails.iter().map(move |tail| {
            Path(
                std::iter::once((*field).to_owned())
                    .chain(tail.iter().cloned())
                    .collect(),
            )
        })
    });
    candidates.find(|candidate| {
        candidate.0.len() > 1
            && targets.iter().any(|target| {
                spellings(candidate)
                    .iter()
                    .any(|spelling| tree.get(target, spelling).is_some())
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Option<Vec<String>> {
        path(text).map(|path| path.0)
    }

    #[test]
    fn paths_are_read_as_they_are_shown() {
        for (text, expected) in [
            (
                "services.web.replicas",
                &["services", "web", "replicas"][..],
            ),
            ("secrets.\"stripe-key\"", &["secrets", "stripe-key"]),
            ("services.stripe-proxy", &["services", "stripe-proxy"]),
            ("a.\"b.c/d\".e", &["a", "b.c/d", "e"]),
            (
                "spec.containers[0].env[2].value",
                &["spec", "containers", "0", "env", "2", "value"],
            ),
            (
                "spec.containers.0.name",
                &["spec", "containers", "0", "name"],
            ),
            ("a[0][1]", &["a", "0", "1"]),
        ] {
            assert_eq!(
                names(text).as_deref(),
                Some(
                    &expected
                        .iter()
                        .map(|name| (*name).to_owned())
                        .collect::<Vec<_>>()[..]
                ),
                "{text}"
            );
        }
        for text in ["", ".", "a.", ".a", "a..b", "a.\"b", "a[", "a[]", "a[0]b"] {
            assert_eq!(names(text), None, "{text}");
        }
    }

    #[test]
    fn an_object_has_a_kind_and_a_name() {
        let place = Place::parse("Deployment/web:spec.replicas").unwrap();
        assert_eq!(place.to_string(), "deployment/web:spec.replicas");
        assert_eq!(
            Place::parse("service/web").unwrap().to_string(),
            "service/web"
        );
        let model = "services.web.files.\"/etc/a:b\"";
        assert_eq!(Place::parse(model).unwrap().to_string(), model);
        assert!(Place::parse("deployment/:spec").is_err());
        assert!(Place::parse("deployment/web:spec.").is_err());
    }
}
