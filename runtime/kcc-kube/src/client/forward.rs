//! Connects to ports of pods.

use k8s_openapi::api::core::v1::Pod;
use kcc_diag::Code;
use kcc_plan::{Connection, Error};
use kube::api::Api;

use super::{Client, errors};

impl Client {
    /// Opens a connection to a port of a pod.
    pub(crate) async fn port_forward(
        &self,
        namespace: &str,
        pod: &str,
        port: u16,
    ) -> Result<Box<dyn Connection>, Error> {
        let pods: Api<Pod> = Api::namespaced(self.streaming()?, namespace);
        let what = format!("forward a port of pod `{pod}`");
        let opened = pods.portforward(pod, &[port]).await;
        let mut opened = opened.map_err(|error| errors::upgrade(&self.server, &what, &error))?;
        let stream = opened.take_stream(port);
        let stream = stream.ok_or_else(|| {
            let message = format!("the cluster opened no connection to port {port} of pod `{pod}`");
            Error::new(Code::ApplyRefused, message)
        })?;
        Ok(Box::new(stream))
    }
}
