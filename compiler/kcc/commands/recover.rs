//! `kcc recover`: rebuilds the record of a target from the objects that kcc created.

use std::fmt::Write;

use clap::Args;
use kcc_diag::{Code, Format, plain};
use kcc_plan::{Options, Recovery};

use super::{CommandResult, json};
use crate::{
    args::{LockArgs, ScopeArgs, ShareArgs, System},
    compiled::Compiled,
    confirm::confirm,
    context::Context,
    exit::Exit,
    failure::Failure,
    pipeline, runtime,
    summary::counted,
};

/// Rebuild the record of a target from the objects that kcc created
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kcc recover --target dev\n  kcc recover --target prod --yes")]
pub struct Recover {
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// The components that the instance shares.
    #[command(flatten)]
    pub share: ShareArgs,
    /// The system that declares it.
    #[command(flatten)]
    pub system: System,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// The treatment of its lock.
    #[command(flatten)]
    pub lock: LockArgs,
}

impl Recover {
    /// Prints the objects, asks for confirmation if the target is shared, and takes
    /// back those that kcc provably created.
    pub fn run(self, context: &Context) -> CommandResult {
        let target = &self.scope.target;
        let compiled = pipeline::compile_sharing(
            context,
            self.system.dir.as_deref(),
            &self.scope,
            &self.share,
        )?;
        let mut options = runtime::options(context, &compiled);
        options.lock_timeout = self.lock.timeout();
        let found = runtime::find_recoverable(&compiled, &options)?;
        context.printer.data(&match context.settings.format {
            Format::Json => json(&found),
            _ => text(&found),
        });
        let count = found.recoverable().count();
        let damaged = has_damaged_history(&compiled, &options);
        if damaged {
            let text = "the history is damaged: it is made again from the revisions that are whole";
            context.printer.note(text);
        }
        let nothing = count == 0 && found.secrets.is_empty() && found.lost_secrets.is_empty();
        if nothing && !damaged {
            context
                .printer
                .note(&format!("{}: nothing to recover", found.scope));
            return Ok(Exit::Done);
        }
        let name = &compiled.model.name;
        let question = format!(
            "recover {} of `{name}` in `{target}`?",
            counted(count, "object")
        );
        if !confirm(context, target, self.yes, &question)? {
            context.printer.note("nothing was changed");
            return Ok(Exit::Incomplete);
        }
        let recovered = runtime::recover(&compiled, &options)?;
        let count = recovered.recoverable().count();
        let secrets = match recovered.secrets.len() {
            0 => String::new(),
            count => format!(", {} read back", counted(count, "generated secret")),
        };
        context.printer.note(&format!(
            "recovered {}: {}{secrets}",
            recovered.scope,
            counted(count, "object")
        ));
        for secret in &recovered.lost_secrets {
            context.printer.note(&format!(
                "the value of generated secret `{secret}` is lost, but data that depends on it \
                 remains: apply will refuse to generate a new one"
            ));
        }
        Ok(Exit::Done)
    }
}

/// Returns true if revisions cannot be listed, and a recovery lists them again.
fn has_damaged_history(compiled: &Compiled, options: &Options) -> bool {
    match runtime::history(compiled, options, None) {
        Err(Failure::Environment(error)) => error.code == Code::StateDamaged,
        _ => false,
    }
}

/// Formats the objects in columns.
fn text(found: &Recovery) -> String {
    let rows: Vec<_> = found
        .objects
        .iter()
        .map(|object| {
            let what = match (&object.doubt, object.recorded) {
                (Some(doubt), _) => format!("skipped: {doubt}"),
                (None, true) => "recorded".to_owned(),
                (None, false) => "recoverable".to_owned(),
            };
            let team = object.team.as_deref();
            let team = team.map(|team| format!(" [{team}]")).unwrap_or_default();
            (object, what + &team)
        })
        .collect();
    let kind = rows.iter().map(|(object, _)| object.kind.chars().count());
    let name = rows.iter().map(|(object, _)| object.name.chars().count());
    let (kind, name) = (kind.max().unwrap_or(0), name.max().unwrap_or(0));
    rows.iter().fold(String::new(), |mut out, (object, what)| {
        let line = format!("{:kind$}  {:name$}  {what}", object.kind, object.name);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}", plain(&line));
        out
    })
}

#[cfg(test)]
mod tests {
    use kcc_plan::{LabelledObject, Scope};

    use super::*;

    #[test]
    fn shows_every_object_with_its_treatment() {
        let object = |kind: &str, name: &str, recorded, doubt: Option<&str>| LabelledObject {
            kind: kind.to_owned(),
            name: name.to_owned(),
            component: None,
            team: (kind == "container").then(|| "storefront".to_owned()),
            recorded,
            doubt: doubt.map(str::to_owned),
        };
        let found = Recovery {
            scope: Scope {
                system: "shop".to_owned(),
                target: "dev".to_owned(),
                instance: None,
            },
            objects: vec![
                object("container", "shop-dev-web", false, None),
                object(
                    "container",
                    "x",
                    false,
                    Some("its name is not one that kcc gives"),
                ),
                object("network", "shop-dev", true, None),
            ],
            secrets: Vec::new(),
            lost_secrets: Vec::new(),
        };
        let expected = "\
container  shop-dev-web  recoverable [storefront]
container  x             skipped: its name is not one that kcc gives [storefront]
network    shop-dev      recorded
";
        assert_eq!(text(&found), expected);
        assert_eq!(found.recoverable().count(), 1);
    }
}
