//! [`Selection`]: the components of a target that a command changes.

use std::collections::BTreeSet;

use clap::Args;
use kcc_model::Name;

use super::known;
use crate::{
    args::{LockArgs, ScopeArgs},
    compiled::Compiled,
    confirm::confirm,
    context::Context,
    failure::Failure,
    pipeline,
};

/// The components that a command changes, and how it begins.
#[derive(Debug, Args)]
pub struct Selection {
    /// Components, by name
    #[arg(value_name = "COMPONENT", required = true, add = crate::completion::components())]
    pub components: Vec<Name>,
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// The treatment of its lock.
    #[command(flatten)]
    pub lock: LockArgs,
}

impl Selection {
    /// Compiles the target, checks each component, and asks for confirmation if the
    /// target is shared. Returns nothing if the answer is no.
    pub fn confirm(
        self,
        context: &Context,
        verb: &str,
        check: fn(&Compiled, &str) -> Result<(), Failure>,
    ) -> Result<Option<(Compiled, BTreeSet<Name>)>, Failure> {
        let compiled = pipeline::compile_scope(context, None, &self.scope)?;
        let target = &compiled.desired().target;
        let components = known(&compiled, self.components)?;
        for name in &components {
            check(&compiled, name)?;
        }
        let names: Vec<_> = components.iter().map(|name| format!("`{name}`")).collect();
        let question = format!("{verb} {} in `{target}`?", names.join(", "));
        // A copy is nobody else's.
        let yes = self.yes || self.scope.capsule.is_some();
        if confirm(context, target, yes, &question)? {
            return Ok(Some((compiled, components)));
        }
        context.printer.note("nothing was changed");
        Ok(None)
    }
}
