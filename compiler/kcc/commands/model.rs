//! `kcc model`: prints the resolved model of one target as JSON.

use clap::Args;
use serde::Serialize;

use super::{CommandResult, pretty_json};
use crate::{args::System, context::Context, exit::Exit, pipeline};

/// Print the resolved model of a target as JSON
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kcc model --target prod | jq '.components.web.replicas'")]
pub struct Model {
    /// Target, such as `dev` or `prod`
    #[arg(short, long, value_name = "TARGET", add = crate::completion::targets())]
    pub target: String,
    /// The system to work on.
    #[command(flatten)]
    pub system: System,
}

#[derive(Serialize)]
struct Resolved<'a> {
    system: &'a str,
    teams: &'a std::collections::BTreeMap<kcc_model::Name, kcc_model::Team>,
    #[serde(flatten)]
    target: &'a kcc_model::TargetModel,
}

impl Model {
    /// Prints the model to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile(context, self.system.dir.as_deref(), &self.target)?;
        let resolved = Resolved {
            system: &compiled.model.name,
            teams: &compiled.model.teams,
            target: compiled.target_model(),
        };
        context.printer.data(&pretty_json(&resolved));
        Ok(Exit::Done)
    }
}
