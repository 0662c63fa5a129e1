//! [`record`]: the record of a target's scope, for commands that read its history.

use kcc_diag::Code;
use kcc_lower::{Desired, EngineDesired};
use kcc_plan::{Error, Fence, Options, Record, Scope};

use crate::store::KubeStore;

/// Opens the record of a target. Reading it needs no lock.
pub async fn record(desired: &Desired, options: &Options) -> Result<Record<KubeStore>, Error> {
    let EngineDesired::Kubernetes(kube) = &desired.engine else {
        let message = format!("target `{}` does not run on Kubernetes", desired.target);
        return Err(Error::new(Code::PlanKubeUnreachable, message));
    };
    let (scope, context) = (Scope::of(desired), kube.context.as_deref());
    let store = KubeStore::connect(&scope, context, &kube.namespace, options).await?;
    Ok(Record::new(store, Fence::default()))
}
