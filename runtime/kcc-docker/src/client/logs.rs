//! Reads the logs of containers line by line.

use bollard::{container::LogOutput, query_parameters::LogsOptions};
use futures_util::{Stream, StreamExt, stream};
use kcc_plan::{Error, LogEntry, log_entry};

use super::{Client, refused};

/// The part of a log to read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LogRange {
    /// The second since 1970 of the oldest line.
    pub(crate) since: i32,
    /// The number of lines from the end.
    pub(crate) tail: Option<u32>,
    /// Set to wait for new lines.
    pub(crate) follow: bool,
}

impl Client {
    /// Returns the lines of a container's log, from both of its output streams.
    pub(crate) fn log(
        &self,
        id: &str,
        name: &str,
        range: LogRange,
    ) -> impl Stream<Item = Result<LogEntry, Error>> + Send + use<> {
        let options = LogsOptions {
            stdout: true,
            stderr: true,
            timestamps: true,
            follow: range.follow,
            since: range.since,
            tail: range
                .tail
                .map_or_else(|| "all".to_owned(), |tail| tail.to_string()),
            ..LogsOptions::default()
        };
        let name = name.to_owned();
        let mut partial = Partial::default();
        let parts = self.docker.logs(id, Some(options));
        // The end of the stream completes a last line without a line feed.
        let parts = parts
            .map(Some)
            .chain(stream::once(std::future::ready(None)));
        parts.flat_map(move |part| {
            let lines = match part {
                Some(Ok(part)) => partial.add(part).into_iter().map(Ok).collect(),
                Some(Err(error)) => vec![Err(refused("read the log of", &name, error))],
                None => partial.rest().into_iter().map(Ok).collect(),
            };
            stream::iter(lines)
        })
    }
}

/// The beginnings of lines that have no end yet, of stdout and stderr.
#[derive(Default)]
struct Partial([Vec<u8>; 2]);

impl Partial {
    /// Adds a part of a stream and returns the lines that it completes.
    fn add(&mut self, part: LogOutput) -> Vec<LogEntry> {
        let stream = usize::from(matches!(part, LogOutput::StdErr { .. }));
        let text = &mut self.0[stream];
        text.extend_from_slice(&part.into_bytes());
        let Some(end) = text.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let rest = text.split_off(end + 1);
        let complete = std::mem::replace(text, rest);
        complete[..end]
            .split(|byte| *byte == b'\n')
            .map(log_entry)
            .collect()
    }

    /// Returns the lines that never ended.
    fn rest(&mut self) -> Vec<LogEntry> {
        let texts = self.0.iter_mut().map(std::mem::take);
        let texts = texts.filter(|text| !text.is_empty());
        texts.map(|text| log_entry(&text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn joins_parts_of_lines_within_a_stream() {
        let out = |text: &'static str| LogOutput::StdOut {
            message: text.into(),
        };
        let err = |text: &'static str| LogOutput::StdErr {
            message: text.into(),
        };
        let mut partial = Partial::default();
        let mut lines = Vec::new();
        for part in [
            out("2026-01-02T03:04:05.000000006Z one\n2026-01-02T03:04:06Z tw"),
            err("2026-01-02T03:04:05.5Z other\r\n"),
            out("o\nno time\n"),
            out("2026-01-02T03:04:07Z "),
        ] {
            lines.extend(partial.add(part));
        }
        lines.extend(partial.rest());
        let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let entry = |at, text: &str| (at, text.to_owned());
        assert_eq!(
            lines,
            [
                entry(time("2026-01-02T03:04:05.000000006Z"), "one"),
                entry(time("2026-01-02T03:04:05.5Z"), "other"),
                entry(time("2026-01-02T03:04:06Z"), "two"),
                entry(None, "no time"),
                entry(time("2026-01-02T03:04:07Z"), ""),
            ]
        );
    }
}
