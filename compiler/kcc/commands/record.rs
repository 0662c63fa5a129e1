//! `kcc record`: watches an engine and keeps what happens in a target's journal.

use std::time::Duration;

use clap::Args;
use kcc_diag::{Format, plain};
use kcc_model::Millis;
use kcc_plan::{RecordingOptions, Scope};

use super::{CommandResult, json};
use crate::{
    args::{ScopeArgs, duration},
    context::Context,
    exit::Exit,
    pipeline, runtime,
};

/// Watch a target and keep what happens in its journal
///
/// Records until Ctrl-C, or for the time that `--for` gives, and writes every few seconds.
/// `kcc timeline` shows what it recorded, also after the engine has forgotten it. A recording
/// that begins where another one was killed goes on from there; where that is not possible,
/// and where the connection was lost, the timeline shows a gap.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc record --target prod              until Ctrl-C\n  kcc record --target prod --for 10m"
)]
pub struct Record {
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// End after DURATION, such as `10m`
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub time: Option<Millis>,
}

impl Record {
    /// Records until a signal or its time ends it.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile_scope(context, None, &self.scope)?;
        let options = runtime::options(context, &compiled);
        let wanted = RecordingOptions {
            time: self.time.map(|time| Duration::from_millis(time.0)),
        };
        let mut note = |text: &str| context.printer.note(&plain(text));
        let scope = Scope::of(compiled.desired());
        let text = context.settings.format != Format::Json;
        if text {
            context.printer.note(&format!("recording {scope}"));
        }
        let recording = runtime::record(&compiled, &options, &wanted, &mut note)?;
        context.printer.data(&if text {
            let (observations, gaps) = (recording.observations, recording.gaps);
            format!("recorded {scope}: events {observations}, gaps {gaps}\n")
        } else {
            json(&recording)
        });
        Ok(Exit::Done)
    }
}
