//! Connects to ports of pods, through the cluster's API.

use kcc_plan::{Connection, Error, ExecOptions, ForwardEngine, ForwardOptions, running_container};

use crate::exec::Containers;

/// The pods of a scope.
pub(crate) struct Pods<'a>(pub(crate) Containers<'a>);

impl ForwardEngine for Pods<'_> {
    async fn connect(&self, options: &ForwardOptions) -> Result<Box<dyn Connection>, Error> {
        let Containers {
            client,
            scope,
            kube,
        } = self.0;
        let wanted = ExecOptions {
            component: options.component.clone(),
            replica: options.replica,
            ..ExecOptions::default()
        };
        let container = running_container(&self.0, scope, &wanted).await?;
        client
            .port_forward(&kube.namespace, &container.id, options.port)
            .await
    }
}
