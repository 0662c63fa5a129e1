//! Decodes a response: file indexes become the files of this run, nodes those of the tree.

use std::{collections::BTreeMap, sync::Arc};

use kcc_diag::{FileId, Span};
use kcc_tree::{
    Blame, Declaration, DefaultLine, Node, Origin, OriginKind, Path, Policy, PolicyLine, Value,
};

use crate::{evaluator::EvaluatorError, wire};

/// The file behind each index of a response: first the files of the request, then those of kcc's
/// schema.
#[derive(Debug, Clone)]
pub(crate) struct Indexes {
    files: Vec<FileId>,
}

impl Indexes {
    pub(crate) fn new(requested: &[FileId], schema: &[FileId]) -> Self {
        Self {
            files: [requested, schema].concat(),
        }
    }

    /// Returns all files in order.
    pub(crate) fn files(&self) -> &[FileId] {
        &self.files
    }

    pub(crate) fn file(&self, index: usize) -> Result<FileId, EvaluatorError> {
        self.files
            .get(index)
            .copied()
            .ok_or_else(|| EvaluatorError::Answer(format!("unknown file {index}")))
    }

    pub(crate) fn span(&self, span: wire::Span) -> Result<Span, EvaluatorError> {
        let wire::Span(file, start, end) = span;
        Ok(Span {
            file: self.file(file)?,
            start,
            end: end.max(start),
        })
    }

    pub(crate) fn node(&self, node: wire::Node) -> Result<Node, EvaluatorError> {
        let value = match (node.f, node.e, node.v) {
            (Some(fields), ..) => Value::Struct(
                fields
                    .into_iter()
                    .map(|(name, field)| Ok((name, self.node(field)?)))
                    .collect::<Result<_, EvaluatorError>>()?,
            ),
            (None, Some(items), _) => Value::List(
                items
                    .into_iter()
                    .map(|item| self.node(item))
                    .collect::<Result<_, _>>()?,
            ),
            (None, None, Some(scalar)) => self::scalar(scalar)?,
            (None, None, None) => Value::Absent,
        };
        let origins = node
            .o
            .into_iter()
            .map(|origin| self.origin(origin))
            .collect::<Result<_, _>>()?;
        Ok(Node { value, origins })
    }

    fn origin(&self, origin: wire::Origin) -> Result<Origin, EvaluatorError> {
        Ok(Origin {
            span: self.span(origin.span)?,
            kind: kind(origin.kind)?,
            by: self.file(origin.by)?,
        })
    }

    /// Decodes the policies that apply to the target.
    pub(crate) fn policies(
        &self,
        policies: Vec<wire::Policy>,
    ) -> Result<Vec<Arc<Policy>>, EvaluatorError> {
        let required =
            |required: wire::Required| Ok((Path(required.path), self.span(required.line)?));
        let policy = |policy: wire::Policy| {
            Ok(Arc::new(Policy {
                name: policy.name,
                message: policy.message,
                label: self.span(policy.label)?,
                by: self.file(policy.by)?,
                requires: policy
                    .requires
                    .into_iter()
                    .map(required)
                    .collect::<Result<_, EvaluatorError>>()?,
            }))
        };
        policies.into_iter().map(policy).collect()
    }

    /// Decodes the blame of each path, which refers to policies by index.
    pub(crate) fn blame(
        &self,
        explained: Vec<wire::Explained>,
        policies: &[Arc<Policy>],
    ) -> Result<BTreeMap<Path, Blame>, EvaluatorError> {
        let mut out = BTreeMap::new();
        for wire::Explained {
            path,
            schema,
            defaults,
            replaced,
            policies: lines,
        } in explained
        {
            let blame = Blame {
                schema: schema.map(|span| self.span(span)).transpose()?,
                defaults: defaults
                    .into_iter()
                    .map(|default| {
                        Ok(DefaultLine {
                            origin: self.origin(default.line)?,
                            own: default.own,
                        })
                    })
                    .collect::<Result<_, EvaluatorError>>()?,
                replaced: replaced
                    .into_iter()
                    .map(|line| self.origin(line))
                    .collect::<Result<_, EvaluatorError>>()?,
                policies: lines
                    .into_iter()
                    .map(|wire::PolicyLine(policy, file, start, end)| {
                        let policy = policies.get(policy).ok_or_else(|| {
                            EvaluatorError::Answer(format!("unknown policy {policy}"))
                        })?;
                        Ok(PolicyLine {
                            policy: Arc::clone(policy),
                            span: self.span(wire::Span(file, start, end))?,
                        })
                    })
                    .collect::<Result<_, EvaluatorError>>()?,
            };
            out.insert(Path(path), blame);
        }
        Ok(out)
    }

    pub(crate) fn declaration(
        &self,
        declaration: wire::Declaration,
    ) -> Result<Declaration, EvaluatorError> {
        let spans = |spans: Vec<wire::Span>| {
            spans
                .into_iter()
                .map(|span| self.span(span))
                .collect::<Result<_, _>>()
        };
        Ok(Declaration {
            path: Path(declaration.path),
            owners: spans(declaration.owners)?,
            others: spans(declaration.others)?,
        })
    }
}

fn scalar(value: serde_json::Value) -> Result<Value, EvaluatorError> {
    use serde_json::Value as Json;
    Ok(match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => Value::Number(number),
        Json::String(text) => Value::String(text),
        Json::Array(_) | Json::Object(_) => {
            return Err(EvaluatorError::Answer("a scalar has parts".to_owned()));
        }
    })
}

/// Decodes an origin kind.
pub(crate) fn kind(number: u8) -> Result<OriginKind, EvaluatorError> {
    Ok(match number {
        0 => OriginKind::Value,
        1 => OriginKind::Constraint,
        2 => OriginKind::CueDefault,
        3 => OriginKind::Default,
        4 => OriginKind::Schema,
        _ => {
            return Err(EvaluatorError::Answer(format!(
                "unknown origin kind {number}"
            )));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<Node, EvaluatorError> {
        let indexes = Indexes::new(&[FileId(7)], &[FileId(9)]);
        indexes.node(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn resolves_file_indexes() {
        let node = decode(r#"{"v":"x","o":[[0,1,2,0],[1,3,4,4,0]]}"#).unwrap();
        assert_eq!(node.value, Value::String("x".to_owned()));
        let span = |file, start, end| Span {
            file: FileId(file),
            start,
            end,
        };
        let origin = |span, kind, by| Origin {
            span,
            kind,
            by: FileId(by),
        };
        assert_eq!(
            node.origins,
            [
                origin(span(7, 1, 2), OriginKind::Value, 7),
                origin(span(9, 3, 4), OriginKind::Schema, 7)
            ]
        );
    }

    #[test]
    fn distinguishes_null_from_absent() {
        let node = decode(r#"{"f":{"a":{"v":null},"b":{"absent":true}}}"#).unwrap();
        assert_eq!(node.child("a").unwrap().value, Value::Null);
        assert!(node.child("b").is_none());
    }

    #[test]
    fn rejects_invalid_indexes_and_kinds() {
        for text in [
            r#"{"v":1,"o":[[2,1,2,0]]}"#,
            r#"{"v":1,"o":[[0,1,2,9]]}"#,
            r#"{"v":[]}"#,
        ] {
            assert!(
                matches!(decode(text), Err(EvaluatorError::Answer(_))),
                "{text}"
            );
        }
    }
}
