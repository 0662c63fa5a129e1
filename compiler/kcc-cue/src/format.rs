//! Formats sources as `cue fmt` does.

use kcc_diag::{Diagnostics, FileId, Files};

use crate::{
    Fragment,
    decode::Indexes,
    evaluator::{Evaluator, EvaluatorError, Limits},
    exchange::{Answer, exchange, schema},
    messages::Context,
    narrow::weight,
    wire::{self, Request},
};

/// The result of formatting.
#[derive(Debug)]
pub struct Formatted {
    /// The text of each source; none for one with a syntax error.
    pub texts: Vec<Option<String>>,
    /// The sources, for the labels of diagnostics.
    pub files: Files,
    /// The syntax errors, sorted.
    pub found: Diagnostics,
}

/// Formats sources. If a limit is reached, nothing is formatted.
pub fn format(
    evaluator: &Evaluator,
    sources: &[Fragment<'_>],
    limits: Limits,
) -> Result<Formatted, EvaluatorError> {
    let mut files = Files::new();
    let ids: Vec<FileId> = sources
        .iter()
        .map(|source| files.add(source.name, source.text))
        .collect();
    let schema: Vec<FileId> = schema(evaluator)?
        .into_iter()
        .map(|file| files.add(file.name, file.text))
        .collect();
    let indexes = Indexes::new(&ids, &schema);
    let request: Vec<_> = sources
        .iter()
        .map(|source| wire::File {
            name: source.name,
            text: source.text,
            team: None,
            omitted: Vec::new(),
        })
        .collect();
    let budget = limits.budget(sources.iter().map(|source| weight(source.text)).sum());
    let Answer {
        mut formatted,
        faults,
        stops,
        ..
    } = exchange(evaluator, &Request::format(&request), &indexes, budget)?;
    let context = Context::new(&files, &indexes, false);
    let mut found: Diagnostics = faults
        .iter()
        .map(|fault| context.diagnostic(fault, &[]))
        .chain(stops.iter().map(|stop| context.stopped(stop)))
        .collect();
    found.sort(&files);
    formatted.resize(sources.len(), None);
    Ok(Formatted {
        texts: formatted,
        files,
        found,
    })
}
