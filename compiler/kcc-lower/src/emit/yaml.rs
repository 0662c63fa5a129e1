//! [`Yaml`]: a YAML document and its serialization.
//!
//! Parsers disagree about plain scalars (`no`, `1e3`, `2024-01-01`), so a string is
//! quoted if any of them could read another type. A multi-line string becomes a
//! block if every parser reads it back unchanged, and is quoted otherwise.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_saphyr::{LitStr, ser_options};

use crate::emit::EmitError;

/// A node of a document; maps keep their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<Yaml>),
    /// A map, in the order to write.
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    /// Creates a string.
    pub fn text(text: impl Into<String>) -> Self {
        Yaml::Text(text.into())
    }

    /// Creates a list of strings.
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Yaml::List(texts.into_iter().map(Yaml::text).collect())
    }

    /// Creates a map of strings.
    pub fn text_map<K: Into<String>, V: Into<String>>(
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Yaml::Map(
            entries
                .into_iter()
                .map(|(key, value)| (key.into(), Yaml::text(value)))
                .collect(),
        )
    }

    /// Serializes the document, with a line break at the end.
    pub fn write(&self) -> Result<String, EmitError> {
        // Parsers unfold folded blocks differently, so blocks are chosen one by one
        // below.
        let options = ser_options! { prefer_block_scalars: false };
        let mut text = serde_saphyr::to_string_with_options(self, options)
            .map_err(|cause| EmitError(cause.to_string()))?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Ok(text)
    }
}

/// Converts JSON; maps are sorted by key.
impl From<&serde_json::Value> for Yaml {
    fn from(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Yaml::Null,
            Value::Bool(value) => Yaml::Bool(*value),
            Value::Number(number) => {
                let signed = number.as_i64().map(i128::from);
                match signed.or_else(|| number.as_u64().map(i128::from)) {
                    Some(integer) => Yaml::Integer(integer),
                    None => number.as_f64().map_or(Yaml::Null, Yaml::Float),
                }
            }
            Value::String(text) => Yaml::Text(text.clone()),
            Value::Array(items) => Yaml::List(items.iter().map(Yaml::from).collect()),
            Value::Object(fields) => {
                let mut entries: Vec<_> = fields
                    .iter()
                    .map(|(key, value)| (key.clone(), Yaml::from(value)))
                    .collect();
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                Yaml::Map(entries)
            }
        }
    }
}

impl Serialize for Yaml {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Yaml::Null => serializer.serialize_unit(),
            Yaml::Bool(value) => serializer.serialize_bool(*value),
            Yaml::Integer(value) => serializer.serialize_i128(*value),
            Yaml::Float(value) => serializer.serialize_f64(*value),
            Yaml::Text(text) if is_safe_as_block(text) => LitStr(text).serialize(serializer),
            Yaml::Text(text) => serializer.serialize_str(text),
            Yaml::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Yaml::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// Returns true for a multi-line text that every parser reads back unchanged from a
/// `|` block: plain characters, no trailing blanks, no leading blank where parsers
/// guess the indentation, and at most one line break at the end.
fn is_safe_as_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let plain = |c: char| match c {
        '\n' | ' '..='~' => true,
        // Line and paragraph separators, byte order marks and similar.
        '\u{a0}' | '\u{2000}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}' => false,
        c => c > '\u{a0}' && !c.is_control(),
    };
    body.contains('\n')
        && !body.starts_with([' ', '\n'])
        && !body.ends_with('\n')
        && body.chars().all(plain)
        && body.lines().all(|line| !line.ends_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_json_maps() {
        let value = serde_json::json!({"b": 1, "a": [true, null, "no"], "c": {}});
        let text = Yaml::from(&value).write().unwrap();
        assert_eq!(text, "a:\n- true\n- null\n- \"no\"\nb: 1\nc: {}\n");
    }

    #[test]
    fn keeps_the_order_of_a_map() {
        let map = Yaml::text_map([("services", "x"), ("build", "y")]);
        assert_eq!(map.write().unwrap(), "services: x\nbuild: \"y\"\n");
    }

    #[test]
    fn writes_multiple_lines_as_a_block_if_safe() {
        let text = |value: &str| Yaml::text_map([("k", value)]).write().unwrap();
        assert_eq!(text("a = 1\n  b: 'no'\n"), "k: |\n  a = 1\n    b: 'no'\n");
        assert_eq!(text("a\n\nb"), "k: |-\n  a\n\n  b\n");
        for value in [
            "a \nb",
            " a\nb",
            "\na\nb",
            "a\nb\n\n",
            "a\r\nb",
            "a\tb\nc",
            "a\u{85}\nb",
        ] {
            assert!(!text(value).contains('|'), "{value:?}");
        }
    }
}
