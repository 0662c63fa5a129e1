//! `kcc rbac`: prints the least roles with which a target can be applied.

use std::io;

use clap::Args;
use kcc_lower::EngineDesired;
use kcc_plan::Scope;

use super::CommandResult;
use crate::{
    args::{ScopeArgs, ShareArgs, System},
    context::Context,
    exit::Exit,
    failure::Failure,
    pipeline, runtime,
};

/// Print the least roles that apply, status and down need on Kubernetes
///
/// Prints the namespace, a Role in it and, if the system has objects outside of it, a
/// role for the cluster. Bind a user or a service account to them. Needs no cluster.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc rbac --target prod | kubectl apply -f -\n  kubectl create rolebinding deployer --role kcc.shop.prod --serviceaccount shop:deployer -n shop"
)]
pub struct Rbac {
    /// The target.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// The components that the instance shares.
    #[command(flatten)]
    pub share: ShareArgs,
    /// The system that declares it.
    #[command(flatten)]
    pub system: System,
    /// Allow `kcc down --volumes` to remove data too
    #[arg(long)]
    pub volumes: bool,
}

impl Rbac {
    /// Prints the roles to stdout.
    pub fn run(self, context: &Context) -> CommandResult {
        let dir = self.system.dir.as_deref();
        let compiled = pipeline::compile_offline(context, dir, &self.scope, &self.share)?;
        let desired = compiled.desired();
        if !matches!(desired.engine, EngineDesired::Kubernetes(_)) {
            return Err(Failure::usage(
                format!("`{}` runs on Docker, which has no roles", desired.target),
                "name a target on Kubernetes",
            ));
        }
        let mut options = runtime::options(context, &compiled);
        options.volumes = self.volumes;
        let roles = kcc_kube::roles(desired, &options)?;
        let text = kcc_lower::emit::manifests(&roles).map_err(|error| {
            Failure::io("cannot write YAML", io::Error::other(error.to_string()))
        })?;
        let (name, command) = (&desired.system, Scope::of(desired).command("rbac"));
        let head = format!("# The permissions to apply system {name}, written by `{command}`.\n");
        context.printer.data(&(head + &text));
        Ok(Exit::Done)
    }
}
