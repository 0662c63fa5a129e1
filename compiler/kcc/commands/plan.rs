//! `kcc plan`: prints what an apply would do, each operation with its cause.

use std::path::PathBuf;

use clap::Args;
use kcc_diag::Format;
use kcc_lower::EngineDesired;
use kcc_model::Name;
use kcc_plan::PlanFile;
use kcc_tree::Engine;

use super::{CommandResult, json, only, recreatable};
use crate::{
    args::{ScopeArgs, System},
    compiled::Compiled,
    context::Context,
    exit::Exit,
    failure::Failure,
    pipeline, plan_file, runtime,
};

/// Show what apply would do, and why
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc plan --target dev\n  kcc plan --target prod --format json | jq '.operations[].cause'\n  kcc plan --target prod -o plan.json    kcc apply plan.json performs this plan or nothing\n  kcc plan --target prod --exit-code     exit 1 unless up to date and ready"
)]
pub struct Plan {
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// The system that declares it.
    #[command(flatten)]
    pub system: System,
    /// Write the plan to FILE for `kcc apply FILE`
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Exit with status 1 unless the target is up to date and ready
    #[arg(long)]
    pub exit_code: bool,
    /// Plan only for COMPONENT and what it needs
    #[arg(long, value_name = "COMPONENT", add = crate::completion::components())]
    pub only: Vec<Name>,
    /// Take over FIELD from another field manager
    #[arg(long, value_name = "FIELD")]
    pub take: Vec<String>,
    /// Delete NAME and create it again where a change cannot be made in place
    #[arg(long, value_name = "NAME")]
    pub recreate: Vec<String>,
    /// Discard the data of what `--recreate` names
    #[arg(long, requires = "recreate")]
    pub volumes: bool,
    /// Take over what TOOL made under the names that the target needs
    #[arg(long, value_enum, value_name = "TOOL")]
    pub take_over: Option<Tool>,
    /// Delete objects that are no longer declared
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Prune::Owned)]
    pub prune: Prune,
}

/// The tool whose objects are taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Tool {
    /// Helm.
    Helm,
    /// kubectl.
    Kubectl,
    /// Docker Compose.
    Compose,
}

impl Tool {
    /// Returns the tool, if it works with the engine of a target.
    pub(super) fn of(self, compiled: &Compiled) -> Result<kcc_plan::Tool, Failure> {
        let desired = compiled.desired();
        let (tool, engine) = match self {
            Self::Helm => (kcc_plan::Tool::Helm, Engine::Kubernetes),
            Self::Kubectl => (kcc_plan::Tool::Kubectl, Engine::Kubernetes),
            Self::Compose => (kcc_plan::Tool::Compose, Engine::Docker),
        };
        let runs_on = match desired.engine {
            EngineDesired::Docker(_) => Engine::Docker,
            EngineDesired::Kubernetes(_) => Engine::Kubernetes,
        };
        if engine == runs_on {
            return Ok(tool);
        }
        let target = &desired.target;
        let others = match runs_on {
            Engine::Docker => "`compose`",
            Engine::Kubernetes => "`helm` or `kubectl`",
        };
        Err(Failure::usage(
            format!("{tool} makes nothing that `{target}` could take over"),
            format!("name the tool that made what runs there: {others}"),
        ))
    }
}

/// The treatment of objects that are no longer declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Prune {
    /// Delete them, except those with data.
    Owned,
    /// Keep them.
    None,
}

impl From<Prune> for kcc_plan::Prune {
    fn from(prune: Prune) -> Self {
        match prune {
            Prune::Owned => Self::Owned,
            Prune::None => Self::None,
        }
    }
}

impl Plan {
    /// Prints the plan to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let compiled = pipeline::compile_scope(context, self.system.dir.as_deref(), &self.scope)?;
        let mut options = runtime::options(context, &compiled);
        options.request = only(&compiled, self.only)?;
        options.prune = self.prune.into();
        options.take = compiled.origins().fields(&self.take)?;
        options.recreate = recreatable(&compiled, self.recreate)?;
        options.volumes = self.volumes;
        options.take_over = self.take_over.map(|tool| tool.of(&compiled)).transpose()?;
        let plan = runtime::plan(&compiled, &options)?;
        context.printer.data(&match context.settings.format {
            Format::Json => json(&plan),
            _ => plan.to_text(),
        });
        if let Some(path) = &self.output {
            let file = PlanFile::new(&plan, compiled.desired(), options.choices());
            plan_file::write(context, path, &file)?;
        }
        Ok(if self.exit_code && !plan.is_up_to_date() {
            Exit::Configuration
        } else {
            Exit::Done
        })
    }
}
