//! Responses of the guest.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};

use super::Detail;

/// A response; missing parts are empty.
#[derive(Debug, Deserialize)]
pub(crate) struct Response {
    pub(crate) version: u32,
    #[serde(default)]
    pub(crate) schema: Vec<SchemaFile>,
    #[serde(default)]
    pub(crate) tree: Option<Node>,
    #[serde(default)]
    pub(crate) declarations: Vec<Declaration>,
    #[serde(default)]
    pub(crate) partial: Vec<usize>,
    #[serde(default)]
    pub(crate) explained: Vec<Explained>,
    #[serde(default)]
    pub(crate) policies: Vec<Policy>,
    #[serde(default)]
    pub(crate) matched: Vec<Match>,
    #[serde(default)]
    pub(crate) formatted: Vec<Option<String>>,
    pub(crate) errors: Vec<Fault>,
}

/// A file of kcc's schema.
#[derive(Debug, Deserialize)]
pub struct SchemaFile {
    /// The name, such as `schema/service.cue`.
    pub name: String,
    /// The text.
    pub text: String,
}

/// A node, of which exactly one of four parts is present.
#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    #[serde(default, deserialize_with = "scalar")]
    pub(crate) v: Option<serde_json::Value>,
    #[serde(default)]
    pub(crate) f: Option<BTreeMap<String, Node>>,
    #[serde(default)]
    pub(crate) e: Option<Vec<Node>>,
    #[serde(default)]
    pub(crate) o: Vec<Origin>,
}

/// Distinguishes `null`, which is a value, from a missing part.
fn scalar<'de, D: Deserializer<'de>>(from: D) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(from).map(Some)
}

/// File, start and end of a rule, and the name or pattern in it that the target has a component for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Match(
    pub(crate) usize,
    pub(crate) u32,
    pub(crate) u32,
    pub(crate) String,
);

/// File, start and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Span(pub(crate) usize, pub(crate) u32, pub(crate) u32);

/// An origin: a span, an origin kind, and the file that brings it in, if not its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) span: Span,
    pub(crate) kind: u8,
    pub(crate) by: usize,
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Parts;

        impl<'de> Visitor<'de> for Parts {
            type Value = Origin;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[file, start, end, kind] or [file, start, end, kind, by]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Origin, A::Error> {
                let mut missing = 0;
                let mut lacks = || {
                    missing += 1;
                    de::Error::invalid_length(missing, &"four or five numbers")
                };
                let file = seq.next_element()?.ok_or_else(&mut lacks)?;
                let start = seq.next_element()?.ok_or_else(&mut lacks)?;
                let end = seq.next_element()?.ok_or_else(&mut lacks)?;
                let kind = seq.next_element()?.ok_or_else(&mut lacks)?;
                let by = seq.next_element()?.unwrap_or(file);
                Ok(Origin {
                    span: Span(file, start, end),
                    kind,
                    by,
                })
            }
        }

        from.deserialize_seq(Parts)
    }
}

/// A component with the labels that declare it.
#[derive(Debug, Deserialize)]
pub(crate) struct Declaration {
    pub(crate) path: Vec<String>,
    pub(crate) owners: Vec<Span>,
    pub(crate) others: Vec<Span>,
}

/// The annotations of a path.
#[derive(Debug, Deserialize)]
pub(crate) struct Explained {
    pub(crate) path: Vec<String>,
    #[serde(default)]
    pub(crate) schema: Option<Span>,
    #[serde(default)]
    pub(crate) defaults: Vec<DefaultLine>,
    #[serde(default)]
    pub(crate) replaced: Vec<Origin>,
    #[serde(default)]
    pub(crate) policies: Vec<PolicyLine>,
}

/// A line of a `defaults` block.
#[derive(Debug, Deserialize)]
pub(crate) struct DefaultLine {
    pub(crate) line: Origin,
    pub(crate) own: bool,
}

/// A policy's index and one of its lines.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct PolicyLine(
    pub(crate) usize,
    pub(crate) usize,
    pub(crate) u32,
    pub(crate) u32,
);

/// A policy that applies to the target.
#[derive(Debug, Deserialize)]
pub(crate) struct Policy {
    pub(crate) name: String,
    pub(crate) message: String,
    pub(crate) label: Span,
    pub(crate) by: usize,
    pub(crate) requires: Vec<Required>,
}

/// A path that a policy requires something of, and the line.
#[derive(Debug, Deserialize)]
pub(crate) struct Required {
    pub(crate) path: Vec<String>,
    pub(crate) line: Span,
}

/// An error, without a message.
#[derive(Debug, Deserialize)]
pub(crate) struct Fault {
    #[serde(flatten)]
    pub(crate) detail: Detail,
    pub(crate) warning: bool,
    pub(crate) path: Vec<String>,
    pub(crate) labels: Vec<Label>,
}

/// A labelled span.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Label {
    pub(crate) file: usize,
    pub(crate) start: u32,
    pub(crate) end: u32,
    #[serde(rename = "role")]
    pub(crate) kind: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_every_part_of_a_node() {
        let text = r#"{"f":{
            "a":{"v":null,"o":[[0,1,2,0]]},
            "b":{"e":[{"v":1.5}],"o":[[0,3,4,1,2]]},
            "c":{"absent":true}
        }}"#;
        let node: Node = serde_json::from_str(text).unwrap();
        let fields = node.f.unwrap();
        assert_eq!(fields["a"].v, Some(serde_json::Value::Null));
        assert_eq!((fields["a"].o[0].kind, fields["a"].o[0].by), (0, 0));
        assert_eq!((fields["b"].o[0].kind, fields["b"].o[0].by), (1, 2));
        assert_eq!(fields["b"].e.as_ref().unwrap().len(), 1);
        assert!(fields["c"].v.is_none() && fields["c"].f.is_none());
    }

    #[test]
    fn rejects_unknown_codes_and_arguments() {
        let fault = |code: &str, args: &str| {
            let text = format!(
                r#"{{"code":"{code}","warning":false,"path":[],"labels":[],"args":{args}}}"#
            );
            serde_json::from_str::<Fault>(&text)
        };
        let decoded = fault(
            "no-match",
            r#"{"rule":"default","name":"web","pattern":false,"candidates":["api","wep"]}"#,
        )
        .unwrap();
        assert_eq!(
            decoded.detail,
            Detail::NoMatch {
                rule: crate::wire::Rule::Default,
                policy: None,
                name: "web".to_owned(),
                pattern: false,
                candidates: vec!["api".to_owned(), "wep".to_owned()],
            }
        );
        for (code, args) in [
            ("unknown-kinds", r#"{"name":"web","candidates":[]}"#),
            ("unknown-kind", r#"{"name":"web"}"#),
            (
                "unknown-kind",
                r#"{"name":"web","candidates":[],"reason":"x"}"#,
            ),
            ("unknown-kind", r#"{"name":"web","candidates":"api wep"}"#),
            ("cycle", r#"{"kind":"other"}"#),
            ("import", r#"{"path":"x","problem":{"other":{}}}"#),
            (
                "import",
                r#"{"path":"x","problem":{"tool-import":{"name":"x"}}}"#,
            ),
        ] {
            assert!(fault(code, args).is_err(), "{code} {args}");
        }
    }

    #[test]
    fn rejects_an_origin_with_three_numbers() {
        assert!(serde_json::from_str::<Node>(r#"{"v":1,"o":[[0,1,2]]}"#).is_err());
    }
}
