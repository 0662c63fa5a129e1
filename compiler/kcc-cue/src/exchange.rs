//! Sends one request to the guest and decodes the response.

use std::{collections::BTreeMap, sync::Arc};

use kcc_diag::FileId;
use kcc_tree::{Blame, Declaration, Node, Path, Policy};

use crate::{
    decode::Indexes,
    evaluator::{Budget, Evaluator, EvaluatorError, Limits, Stopped},
    wire::{Detail, Fault, Label, Match, Request, Response, SchemaFile, Span, VERSION},
};

/// The decoded response to one request.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The values that could be evaluated.
    pub(crate) tree: Option<Node>,
    /// The declarations of the components.
    pub(crate) declarations: Vec<Declaration>,
    /// The policies that apply.
    pub(crate) policies: Vec<Arc<Policy>>,
    /// Files that could only be read in part.
    pub(crate) partial: Vec<FileId>,
    /// The blame of each path, if the request asked for it.
    pub(crate) blame: BTreeMap<Path, Blame>,
    /// The formatted text of each file, if the request asked for it.
    pub(crate) formatted: Vec<Option<String>>,
    /// The errors.
    pub(crate) faults: Vec<Fault>,
    /// The names in policies and defaults that the target has a component for.
    pub(crate) matched: Vec<Match>,
    /// The evaluations that ended without a result; if each has a declaration, everything else is
    /// about the fragments without these. Otherwise everything else is empty.
    pub(crate) stops: Vec<Stop>,
}

/// The end of an evaluation that had no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    /// The limit, or a panic.
    pub(crate) cause: Stopped,
    /// The budget that it had.
    pub(crate) budget: Budget,
    /// The declaration that it stopped at, if it is known.
    pub(crate) at: Option<Span>,
    /// The name of that declaration, if it stops with no more than it uses.
    pub(crate) alone: Option<String>,
}

/// Sends a request to the guest.
pub(crate) fn exchange(
    evaluator: &Evaluator,
    request: &Request<'_>,
    indexes: &Indexes,
    budget: Budget,
) -> Result<Answer, EvaluatorError> {
    let text = match evaluator.run(&request.text(), budget)? {
        Ok(text) => text,
        Err(stopped) => {
            return Ok(Answer {
                stops: vec![Stop {
                    cause: stopped,
                    budget,
                    at: None,
                    alone: None,
                }],
                ..Answer::default()
            });
        }
    };
    let response = read(&text)?;
    // An internal error is ignored if the fragments have errors, which may have caused it.
    let (mut bugs, mut faults): (Vec<String>, Vec<Fault>) = (Vec::new(), Vec::new());
    for fault in response.errors {
        match fault.detail {
            Detail::Internal { message } => bugs.push(message),
            _ => faults.push(fault),
        }
    }
    if let (Some(message), true) = (bugs.into_iter().next(), faults.is_empty()) {
        return Err(EvaluatorError::Crashed(message));
    }
    for Label { file, .. } in faults.iter().flat_map(|fault| &fault.labels) {
        indexes.file(*file)?;
    }
    let policies = indexes.policies(response.policies)?;
    Ok(Answer {
        tree: response.tree.map(|root| indexes.node(root)).transpose()?,
        declarations: response
            .declarations
            .into_iter()
            .map(|declaration| indexes.declaration(declaration))
            .collect::<Result<_, _>>()?,
        partial: response
            .partial
            .into_iter()
            .map(|file| indexes.file(file))
            .collect::<Result<_, _>>()?,
        blame: indexes.blame(response.explained, &policies)?,
        policies,
        formatted: response.formatted,
        faults,
        matched: response.matched,
        stops: Vec::new(),
    })
}

/// Returns the files of kcc's schema.
///
/// # Errors
/// Fails if the evaluator does.
pub fn schema(evaluator: &Evaluator) -> Result<Vec<SchemaFile>, EvaluatorError> {
    match evaluator.run(&Request::schema().text(), Limits::default().budget(0))? {
        Ok(text) => Ok(read(&text)?.schema),
        Err(stopped) => Err(EvaluatorError::Crashed(format!(
            "listing the schema: {stopped:?}"
        ))),
    }
}

fn read(text: &[u8]) -> Result<Response, EvaluatorError> {
    let response: Response =
        serde_json::from_slice(text).map_err(|error| EvaluatorError::Answer(error.to_string()))?;
    if response.version != VERSION {
        return Err(EvaluatorError::Answer(format!(
            "protocol version {}",
            response.version
        )));
    }
    for fault in &response.errors {
        if let Detail::Protocol { message } = &fault.detail {
            return Err(EvaluatorError::Answer(message.clone()));
        }
    }
    Ok(response)
}
