//! The result of copying revisions to an archive, and the archive of a system.

use kcc_diag::Format;
use kcc_plan::{Scope, archive::Added};
use serde::Serialize;

use crate::{
    commands::json, compiled::Compiled, context::Context, failure::Failure, summary::counted,
};

/// Returns the archive that a system names.
pub(super) fn of_system(compiled: &Compiled) -> Result<&str, Failure> {
    let archive = compiled.model.archive.as_deref();
    archive.ok_or_else(|| {
        Failure::usage(
            format!("`{}` names no archive", compiled.model.name),
            "write `system: history: archive: \"…\"` in `kcc.cue`, or name one as an argument",
        )
    })
}

/// Prints which revisions were added to an archive.
pub(super) fn copied(context: &Context, compiled: &Compiled, archive: &str, added: &Added) {
    let scope = Scope::of(compiled.desired());
    let count = counted(added.entries.len(), "revision");
    let present = match added.present {
        0 => String::new(),
        present => format!(", which had {present} already"),
    };
    if context.settings.format == Format::Json {
        context.printer.data(&json(Copied {
            scope: &scope,
            archive,
            added,
        }));
    }
    let note = format!("added {count} of {scope} to `{archive}`{present}");
    context.printer.note(&note);
}

/// The JSON output of `export` and `sync`.
#[derive(Serialize)]
struct Copied<'a> {
    #[serde(flatten)]
    scope: &'a Scope,
    archive: &'a str,
    #[serde(flatten)]
    added: &'a Added,
}
