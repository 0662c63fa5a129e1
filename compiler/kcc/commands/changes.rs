//! [`ChangeArgs`]: the changes that a command makes only if they are asked for by name.

use std::{collections::BTreeSet, sync::Arc};

use clap::{Args, ValueEnum};
use kcc_diag::nearest;
use kcc_lower::EngineDesired;
use kcc_plan::{Options, Plan, PlanFile, object_name};
use kcc_tree::Engine;

use crate::{
    compiled::Compiled,
    confirm::{confirm, confirm_always},
    context::Context,
    failure::Failure,
};

/// The changes that a command makes only if they are asked for by name.
#[derive(Debug, Clone, Default, Args)]
pub struct ChangeArgs {
    /// Take over FIELD from another field manager, as named by `kcc plan`
    #[arg(long, value_name = "FIELD")]
    pub take: Vec<String>,
    /// Delete NAME and create it again where a change cannot be made in place: a component,
    /// or an object as named by the refusal
    #[arg(long, value_name = "NAME")]
    pub recreate: Vec<String>,
    /// Discard the data of what `--recreate` names
    #[arg(long, requires = "recreate")]
    pub volumes: bool,
    /// Take over what TOOL made under the names that the target needs
    #[arg(long, value_enum, value_name = "TOOL")]
    pub take_over: Option<Tool>,
}

/// The tool whose objects are taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
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
    fn of(self, compiled: &Compiled) -> Result<kcc_plan::Tool, Failure> {
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

impl ChangeArgs {
    /// Adds to the options what may be recreated and taken over, which has to be in the
    /// target. The fields of other managers are the caller's: recorded objects are asked
    /// for them in another way than fragments.
    pub(super) fn choose(&self, compiled: &Compiled, options: &mut Options) -> Result<(), Failure> {
        options.recreate = recreatable(compiled, &self.recreate)?;
        options.volumes = self.volumes;
        let tool = self.take_over.map(|tool| tool.of(compiled));
        options.take_over = tool.transpose()?;
        Ok(())
    }
}

/// Returns the names of components and objects that may be recreated, all of which must
/// be in the target.
fn recreatable(compiled: &Compiled, names: &[String]) -> Result<BTreeSet<String>, Failure> {
    let desired = compiled.desired();
    let mut known: BTreeSet<String> = desired.components.keys().cloned().collect();
    if let EngineDesired::Kubernetes(kube) = &desired.engine {
        let objects = kube.objects.iter();
        known.extend(objects.map(|object| object_name(&object.kind, &object.name)));
    }
    let target = &desired.target;
    for name in names {
        if !known.contains(name) {
            let near = nearest(name, known.iter().map(String::as_str));
            let help = near.map_or_else(
                || format!("`kcc plan --target {target}` names what cannot be changed in place"),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("`{target}` has no component or object `{name}`");
            return Err(Failure::usage(message, help));
        }
    }
    Ok(names.iter().cloned().collect())
}

/// Returns true if the plan is always shown before it is performed: it recreates or takes
/// over objects.
pub(super) fn is_shown_first(options: &Options) -> bool {
    options.take_over.is_some() || !options.recreate.is_empty()
}

/// Asks for confirmation of a plan that was shown. One that recreates or takes over objects
/// is confirmed whoever uses the target, and performed as it was shown or not at all.
pub(super) fn confirm_shown(
    context: &Context,
    compiled: &Compiled,
    (plan, options): (&Plan, &mut Options),
    yes: bool,
    question: &str,
) -> Result<bool, Failure> {
    let target = &compiled.desired().target;
    if !is_shown_first(options) {
        return confirm(context, target, yes, question);
    }
    let shown = PlanFile::new(plan, compiled.desired(), options.choices());
    options.planned = Some(Arc::new(shown));
    Ok(plan.is_empty() || confirm_always(context, target, yes, question)?)
}
