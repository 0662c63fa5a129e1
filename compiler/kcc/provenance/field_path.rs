//! [`FieldPath`]: the path of a field on the command line, and the suggestions for
//! one that does not exist.

use std::{collections::BTreeSet, fmt};

use kcc_diag::{listed, nearest};
use kcc_tree::{ConfigTree, Path, Value};

use super::spelling::spellings;
use crate::failure::Failure;

/// The path of a field in the model or in a rendered object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldPath {
    /// A path of the model, such as `services.web.replicas`.
    Model(Path),
    /// A path in a rendered object, such as `deployment/web:spec.replicas`.
    Object {
        /// The object's kind, in lower case.
        kind: String,
        /// The object's name.
        name: String,
        /// The path in the object; empty for the whole object.
        field: Path,
    },
}

impl FieldPath {
    /// Parses names separated by dots, quoted if they contain dots, and `[N]` for
    /// elements of lists.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let invalid = |message: String| {
            Failure::usage(
                message,
                "write a path such as `services.web.replicas`, or that of a rendered object such \
                 as `deployment/web:spec.replicas`",
            )
        };
        let kind = text.split_once('/').filter(|(kind, _)| {
            !kind.is_empty() && kind.chars().all(|c| c.is_ascii_alphanumeric())
        });
        let Some((kind, rest)) = kind else {
            let path = parse_names(text)
                .ok_or_else(|| invalid(format!("`{text}` is not a valid path")))?;
            return Ok(Self::Model(path));
        };
        let (name, field) = rest.split_once(':').unwrap_or((rest, ""));
        let field = if field.is_empty() {
            Some(Path::default())
        } else {
            parse_names(field)
        };
        match field {
            Some(field) if !name.is_empty() => Ok(Self::Object {
                kind: kind.to_lowercase(),
                name: name.to_owned(),
                field,
            }),
            _ => Err(invalid(format!(
                "`{text}` is not a valid path of an object"
            ))),
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(path) => path.fmt(f),
            Self::Object { kind, name, field } if field.0.is_empty() => {
                write!(f, "{kind}/{name}")
            }
            Self::Object { kind, name, field } => write!(f, "{kind}/{name}:{field}"),
        }
    }
}

/// Splits a dotted path into names; `None` if one is empty or a quote is not closed.
fn parse_names(text: &str) -> Option<Path> {
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
            // Only a dot or `[` may follow `]`.
            _ if ended => return None,
            c => last.push(c),
        }
    }
    let whole = !quoted && (written || names.last().is_some_and(|last| !last.is_empty()));
    whole.then_some(Path(names))
}

/// Creates the error for a path that does not exist in the model, with the most
/// similar one.
pub fn unknown_path(tree: &ConfigTree, targets: &BTreeSet<&str>, path: &Path) -> Failure {
    let names: Vec<&str> = targets.iter().copied().collect();
    let message = format!("`{path}` does not exist in {}", names.join(", "));
    // The length of the longest existing prefix in any target.
    let existing_depth = targets
        .iter()
        .map(|target| depth_in(tree, target, path))
        .max()
        .unwrap_or_default();
    let parent = Path(path.0[..existing_depth.min(path.0.len())].to_vec());
    let known: BTreeSet<&str> = targets
        .iter()
        .flat_map(|target| children(tree, target, &parent))
        .collect();
    let unknown = path.0.get(existing_depth).map_or("", String::as_str);
    let help = if let Some(similar) = nearest(unknown, known.iter().copied()) {
        let mut names = path.0.clone();
        if let Some(name) = names.get_mut(existing_depth) {
            similar.clone_into(name);
        }
        format!("did you mean `{}`?", Path(names))
    } else if let Some(complete) = with_root_field(tree, targets, path) {
        format!("did you mean `{complete}`?")
    } else if known.is_empty() {
        format!("`{parent}` has no fields")
    } else {
        let known: Vec<&str> = known.into_iter().collect();
        let owner = if parent.0.is_empty() {
            "the model".to_owned()
        } else {
            format!("`{parent}`")
        };
        format!("{owner} has the fields {}", listed(&known))
    };
    Failure::usage(message, help)
}

fn depth_in(tree: &ConfigTree, target: &str, path: &Path) -> usize {
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

/// Returns the path with the right root field, if the root field was omitted or is
/// that of another kind of component.
fn with_root_field(tree: &ConfigTree, targets: &BTreeSet<&str>, path: &Path) -> Option<Path> {
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
        parse_names(text).map(|path| path.0)
    }

    #[test]
    fn parses_paths_as_they_are_printed() {
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
    fn parses_the_kind_and_name_of_an_object() {
        let path = FieldPath::parse("Deployment/web:spec.replicas").unwrap();
        assert_eq!(path.to_string(), "deployment/web:spec.replicas");
        assert_eq!(
            FieldPath::parse("service/web").unwrap().to_string(),
            "service/web"
        );
        let model = "services.web.files.\"/etc/a:b\"";
        assert_eq!(FieldPath::parse(model).unwrap().to_string(), model);
        assert!(FieldPath::parse("deployment/:spec").is_err());
        assert!(FieldPath::parse("deployment/web:spec.").is_err());
    }
}
