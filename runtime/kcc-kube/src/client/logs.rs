//! Reads the logs of containers line by line.

use std::io;

use futures_util::{AsyncBufRead, AsyncBufReadExt, Stream, StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kcc_plan::{Error, LogEntries, LogEntry, log_entry};
use kube::api::{Api, ListParams, LogParams};

use super::{Client, errors};

/// The log of a run of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodLog {
    pub(crate) pod: String,
    pub(crate) container: String,
    /// Set for the run before the current one.
    pub(crate) previous: bool,
}

impl Client {
    /// Lists the pods with some labels.
    pub(crate) async fn pods(&self, namespace: &str, labels: &str) -> Result<Vec<Pod>, Error> {
        let api: Api<Pod> = Api::namespaced(self.kube.clone(), namespace);
        let found = api.list(&ListParams::default().labels(labels)).await;
        found
            .map(|list| list.items)
            .map_err(|error| self.error("list pods", &error))
    }

    /// Returns the lines of a log.
    pub(crate) fn log(&self, namespace: &str, log: PodLog, params: &LogParams) -> LogEntries<'_> {
        let namespace = namespace.to_owned();
        let what = format!("read the log of pod `{}`", log.pod);
        let params = LogParams {
            container: Some(log.container),
            previous: log.previous,
            timestamps: true,
            ..params.clone()
        };
        let opened = async move {
            let api: Api<Pod> = Api::namespaced(self.streaming()?, &namespace);
            let reader = api.log_stream(&log.pod, &params).await;
            let reader = reader.map_err(|error| self.error(&what, &error))?;
            Ok::<_, Error>(lines(reader).map_err(move |error| {
                let error = kube::Error::ReadEvents(error);
                self.error(&what, &error)
            }))
        };
        stream::once(opened).try_flatten().boxed()
    }

    /// Returns a client for streams, which may stay silent for any time.
    fn streaming(&self) -> Result<kube::Client, Error> {
        let mut config = (*self.config).clone();
        config.read_timeout = None;
        kube::Client::try_from(config).map_err(|error| errors::unreachable(&self.server, &error))
    }
}

/// Splits a stream of bytes into the lines of a log.
fn lines(
    reader: impl AsyncBufRead + Send + 'static,
) -> impl Stream<Item = io::Result<LogEntry>> + Send {
    stream::try_unfold(Box::pin(reader), |mut reader| async move {
        let mut line = Vec::new();
        let read = reader.read_until(b'\n', &mut line).await?;
        Ok((read > 0).then(|| (log_entry(&line), reader)))
    })
}
