//! [`Path`]: a field's address in the model.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Deserializer;

/// The path of a node: its field names and list indexes from the root.
///
/// Displayed with dots; a name that is neither a plain identifier nor that of a
/// definition is quoted, as in `secrets."stripe-key"`.
/// In JSON it is this text.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Path(pub Vec<String>);

impl Path {
    /// Returns the path of a child.
    #[must_use]
    pub fn join(&self, name: impl Into<String>) -> Self {
        let mut names = self.0.clone();
        names.push(name.into());
        Self(names)
    }

    /// Builds a path from field names.
    pub fn of<const N: usize>(names: [&str; N]) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }

    /// Returns true if this path is `above` or below it.
    pub fn is_within(&self, above: &Self) -> bool {
        self.0.starts_with(&above.0)
    }

    /// Returns true if one of the paths is the other one or below it.
    pub fn is_related_to(&self, other: &Self) -> bool {
        self.is_within(other) || other.is_within(self)
    }

    /// Returns the name that every declaration of the path contains: that of the
    /// component, secret or the like that the path is at or below, or else of the
    /// root field.
    pub fn declared_name(&self) -> Option<&str> {
        self.0.get(1).or(self.0.first()).map(String::as_str)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            let identifier = name.strip_prefix("_#").or(name.strip_prefix('#'));
            let identifier = identifier.unwrap_or(name);
            let plain = !identifier.is_empty()
                && identifier
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
            if plain {
                f.write_str(name)?;
            } else {
                f.write_str(&serde_json::to_string(name).map_err(|_| fmt::Error)?)?;
            }
        }
        Ok(())
    }
}

/// The error of a text that is not a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAPath(String);

impl fmt::Display for NotAPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a valid path", self.0)
    }
}

/// Reads the text that [`Path`] is displayed as.
impl FromStr for Path {
    type Err = NotAPath;

    fn from_str(text: &str) -> Result<Self, NotAPath> {
        let invalid = || NotAPath(text.to_owned());
        let mut names = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let length = if rest.starts_with('"') {
                let mut quoted = Deserializer::from_str(rest).into_iter::<String>();
                let name = quoted.next().and_then(Result::ok).ok_or_else(invalid)?;
                names.push(name);
                quoted.byte_offset()
            } else {
                let length = rest.find('.').unwrap_or(rest.len());
                if length == 0 {
                    return Err(invalid());
                }
                names.push(rest[..length].to_owned());
                length
            };
            rest = &rest[length..];
            if rest.is_empty() {
                break;
            }
            rest = rest.strip_prefix('.').ok_or_else(invalid)?;
            if rest.is_empty() {
                return Err(invalid());
            }
        }
        Ok(Self(names))
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.to_string()
    }
}

impl TryFrom<String> for Path {
    type Error = NotAPath;

    fn try_from(text: String) -> Result<Self, NotAPath> {
        text.parse()
    }
}

impl Borrow<[String]> for Path {
    fn borrow(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_path_that_it_displays() {
        for names in [
            &[][..],
            &["services", "web", "image"],
            &["secrets", "stripe-key"],
            &["files", "/etc/app.d/a\"b\\.conf", "0"],
            &["env", "", "Ä\n"],
            &["_#hidden", "#Definition", "a.b"],
        ] {
            let path = Path(names.iter().map(|name| (*name).to_owned()).collect());
            assert_eq!(path.to_string().parse(), Ok(path.clone()));
            let json = serde_json::to_string(&path).unwrap();
            assert_eq!(serde_json::from_str::<Path>(&json).unwrap(), path);
        }
        for text in ["a..b", ".a", "a.", "\"a", "\"a\"b"] {
            assert!(text.parse::<Path>().is_err(), "{text}");
        }
    }
}
