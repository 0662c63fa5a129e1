//! `kcc model`: the resolved model of one target as JSON.

use clap::Args;
use serde::Serialize;

use super::{Context, Ended};
use crate::{cli::System, compile, exit::Exit};

/// Write the resolved model of a target as JSON
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kcc model --target prod | jq '.components.web.replicas'")]
pub struct Model {
    /// The target, such as `dev` or `prod`
    #[arg(short, long, value_name = "TARGET")]
    pub target: String,
    /// Where the system is.
    #[command(flatten)]
    pub system: System,
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    system: &'a str,
    teams: &'a std::collections::BTreeMap<kcc_model::Name, kcc_model::Team>,
    #[serde(flatten)]
    target: &'a kcc_model::TargetModel,
}

impl Model {
    /// Writes the model to stdout.
    pub fn run(self, context: &Context) -> Ended {
        let compiled = compile::target(context, self.system.dir.as_deref(), &self.target)?;
        let document = Document {
            version: 1,
            system: &compiled.model.name,
            teams: &compiled.model.teams,
            target: compiled.target_model(),
        };
        let json = serde_json::to_string_pretty(&document).expect("the model has a JSON form");
        context.printer.data(&(json + "\n"));
        Ok(Exit::Done)
    }
}
