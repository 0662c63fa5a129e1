//! `kcc history verify`: compares everything in an archive with its digests.

use std::fmt::Write;

use clap::Args;
use kcc_diag::{Format, plain};
use kcc_plan::archive::Verified;
use serde::Serialize;

use crate::{
    commands::{CommandResult, json},
    context::Context,
    exit::Exit,
    runtime,
    summary::counted,
};

/// Check that an archive is complete and undamaged
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc history verify /backup/shop\n  kcc history verify oci://registry.acme.io/shop/history\n\nExits with status 1 if anything is damaged."
)]
pub struct Verify {
    /// Archive: a directory, a file that ends in `.tar`, or `oci://HOST/REPOSITORY`
    #[arg(value_name = "ARCHIVE")]
    pub archive: String,
}

/// The JSON output.
#[derive(Serialize)]
struct Document<'a> {
    archive: &'a str,
    #[serde(flatten)]
    verified: &'a Verified,
}

impl Verify {
    /// Prints what the archive has, and what is damaged.
    pub fn run(self, context: &Context) -> CommandResult {
        let verified = runtime::verify(context, &self.archive)?;
        context.printer.data(&match context.settings.format {
            Format::Json => json(Document {
                archive: &self.archive,
                verified: &verified,
            }),
            _ => text(&verified),
        });
        let entries = counted(verified.entries, "revision");
        let blobs = counted(verified.blobs, "blob");
        if verified.damages.is_empty() {
            let note = format!("`{}` is complete: {entries}, {blobs}", self.archive);
            context.printer.note(&note);
            return Ok(Exit::Done);
        }
        let damaged = verified.damages.len();
        let note = format!("`{}` is damaged: {damaged} of {entries}", self.archive);
        context.printer.note(&note);
        Ok(Exit::Configuration)
    }
}

fn text(verified: &Verified) -> String {
    let mut out = String::new();
    for (scope, numbers) in &verified.scopes {
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{scope}: {}", numbers.join(", "));
    }
    for damage in &verified.damages {
        let _ = writeln!(out, "damaged: {}: {}", damage.name, damage.why);
    }
    plain(&out).into_owned()
}
