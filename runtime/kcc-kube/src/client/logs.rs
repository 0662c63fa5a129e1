//! Reads the logs of containers line by line.

use std::{io, time::Duration};

use futures_util::{AsyncBufRead, AsyncBufReadExt, Stream, StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kcc_plan::{Error, LogEntries, LogEntry, log_entry};
use kube::api::{Api, LogParams};

use super::Client;

/// The log of a run of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodLog {
    pub(crate) pod: String,
    pub(crate) container: String,
    /// Set for the run before the current one.
    pub(crate) previous: bool,
}

/// The first line of a log to read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LogSince {
    /// The very first.
    Start,
    /// The first that is not older than an age.
    Age(Duration),
    /// The first that is not before a time.
    Time(Timestamp),
}

/// The part of a log to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogRange {
    pub(crate) since: LogSince,
    /// The number of lines from the end.
    pub(crate) tail: Option<u32>,
    /// Set to wait for new lines.
    pub(crate) follow: bool,
}

/// A connection for the logs of a namespace, on which a stream may stay silent for any
/// time.
pub(crate) struct LogStreams<'a> {
    client: &'a Client,
    pods: Api<Pod>,
}

impl Client {
    /// Lists the pods with some labels.
    pub(crate) async fn pods(&self, namespace: &str, labels: &str) -> Result<Vec<Pod>, Error> {
        self.typed(namespace, labels).await
    }

    /// Opens a connection for the logs of a namespace.
    pub(crate) fn log_streams(&self, namespace: &str) -> Result<LogStreams<'_>, Error> {
        Ok(LogStreams {
            client: self,
            pods: Api::namespaced(self.streaming()?, namespace),
        })
    }
}

impl LogStreams<'_> {
    /// Returns the lines of a log.
    pub(crate) fn open(&self, log: PodLog, range: LogRange) -> LogEntries<'_> {
        let what = format!("read the log of pod `{}`", log.pod);
        let mut params = LogParams {
            container: Some(log.container),
            previous: log.previous,
            timestamps: true,
            tail_lines: range.tail.map(i64::from),
            follow: range.follow,
            ..LogParams::default()
        };
        match range.since {
            LogSince::Start => {}
            LogSince::Age(age) => params.since_seconds = Some(seconds(age)),
            LogSince::Time(time) => params.since_time = Some(time),
        }
        let opened = async move {
            let reader = self.pods.log_stream(&log.pod, &params).await;
            let reader = reader.map_err(|error| self.client.error(&what, &error))?;
            Ok::<_, Error>(lines(reader).map_err(move |error| {
                let error = kube::Error::ReadEvents(error);
                self.client.error(&what, &error)
            }))
        };
        stream::once(opened).try_flatten().boxed()
    }
}

/// Returns whole seconds, and at least one, as the cluster requires.
fn seconds(age: Duration) -> i64 {
    i64::try_from(age.as_millis().div_ceil(1000))
        .unwrap_or(i64::MAX)
        .max(1)
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
