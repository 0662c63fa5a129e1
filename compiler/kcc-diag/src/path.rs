//! [`Path`]: a field's address in the model.

use std::fmt;

/// The path of a node: its field names and list indexes from the root.
///
/// Displayed with dots; a name that is neither a plain identifier nor that of a
/// definition is quoted, as in `secrets."stripe-key"`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
                write!(f, "{name:?}")?;
            }
        }
        Ok(())
    }
}
