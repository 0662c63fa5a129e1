//! The logs of a scope's containers, merged into one output.
//!
//! [`read_logs`] takes a [`LogReader`], which an engine crate implements, and passes
//! each line on. The lines of one machine are ordered by its clock. The clocks of two
//! machines may differ, so their lines are never ordered by time: one machine follows
//! the other, or, while following, lines are passed on as they arrive.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    time::Duration,
};

use futures_util::{
    StreamExt,
    future::join_all,
    stream::{self, BoxStream, SelectAll},
};
use jiff::Timestamp;
use kcc_model::Name;
use serde::Serialize;

use crate::Error;

/// The interval at which containers are listed again while following.
const LIST_INTERVAL: Duration = Duration::from_secs(2);

/// The lines to read.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// The components; empty for all.
    pub components: BTreeSet<Name>,
    /// Set to wait for new lines and new containers.
    pub follow: bool,
    /// The age of the oldest line, by the engine's clock.
    pub since: Option<Duration>,
    /// The number of lines from the end of each log.
    pub tail: Option<u32>,
}

impl LogOptions {
    /// Returns true if the logs of a component are read.
    pub fn include(&self, component: &str) -> bool {
        self.components.is_empty() || self.components.contains(component)
    }
}

/// A line of a container's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// The component.
    pub component: Name,
    /// The container, as in [`LogSource::name`].
    pub container: String,
    /// The machine that the container runs on.
    pub machine: String,
    /// The time at which the machine read the line, by its own clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The line without its end.
    pub text: String,
}

/// A container with a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSource {
    /// The engine's identity of the log.
    pub id: String,
    /// The component.
    pub component: Name,
    /// The name of the container, unique in the scope.
    pub name: String,
    /// The machine that the container runs on.
    pub machine: String,
    /// Set if it may write more lines.
    pub running: bool,
}

/// A line with its time, if the engine recorded one.
pub type LogEntry = (Option<Timestamp>, String);

/// Splits a line into the time that the engine writes before it and its text.
pub fn log_entry(line: &[u8]) -> LogEntry {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end_matches(['\r', '\n']);
    let (time, text) = line.split_once(' ').unwrap_or((line, ""));
    match time.parse::<Timestamp>() {
        Ok(time) => (Some(time), text.to_owned()),
        Err(_) => (None, line.to_owned()),
    }
}

/// The lines of one log, oldest first.
pub type LogEntries<'a> = BoxStream<'a, Result<LogEntry, Error>>;

/// The line with which reading a log starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStart {
    /// The first that [`LogOptions`] asks for.
    AsAsked,
    /// The first after a time; the very first without one.
    After(Option<Timestamp>),
}

/// An engine with logs.
pub trait LogReader {
    /// Lists the containers of the components that are asked for, sorted by name.
    fn sources(&self) -> impl Future<Output = Result<Vec<LogSource>, Error>>;

    /// Opens a log. May return lines from before the start: the engines measure it
    /// in seconds.
    fn open(&self, source: &LogSource, start: LogStart) -> LogEntries<'_>;
}

/// Returns the warning that lines show the values of secrets that could not be read, if
/// there are any.
pub fn unredacted<'a>(secrets: impl IntoIterator<Item = &'a String>) -> Option<String> {
    let names: Vec<_> = secrets
        .into_iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let (noun, pronoun) = match names.len() {
        0 => return None,
        1 => ("secret", "its value is"),
        _ => ("secrets", "their values are"),
    };
    Some(format!(
        "cannot read {noun} {}: {pronoun} not replaced in the output",
        names.join(", ")
    ))
}

/// The result of reading logs.
#[derive(Debug, Default)]
pub struct LogReport {
    /// The number of logs that were read.
    pub sources: usize,
    /// The reasons why logs could not be read to their end.
    pub failures: Vec<Error>,
}

/// Passes each line to `write`, until that breaks.
pub async fn read_logs(
    reader: &impl LogReader,
    options: &LogOptions,
    write: &mut dyn FnMut(LogLine) -> ControlFlow<()>,
) -> Result<LogReport, Error> {
    if options.follow {
        follow(reader, write).await
    } else {
        let mut report = LogReport::default();
        let mut machines: BTreeMap<String, Vec<LogSource>> = BTreeMap::new();
        for source in reader.sources().await? {
            report.sources += 1;
            let machine = machines.entry(source.machine.clone());
            machine.or_default().push(source);
        }
        for sources in machines.values() {
            if merge(reader, sources, &mut report, write).await.is_break() {
                break;
            }
        }
        Ok(report)
    }
}

/// Passes on the lines of one machine in the order of their times.
async fn merge(
    reader: &impl LogReader,
    sources: &[LogSource],
    report: &mut LogReport,
    write: &mut dyn FnMut(LogLine) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let open = |source| reader.open(source, LogStart::AsAsked);
    let mut logs: Vec<_> = sources.iter().map(open).collect();
    let mut heads = BTreeMap::new();
    let first = join_all(logs.iter_mut().map(StreamExt::next)).await;
    for (at, entry) in first.into_iter().enumerate() {
        let failure = insert(&mut heads, at, Timestamp::MIN, entry);
        report.failures.extend(failure);
    }
    while let Some(((order, at), (time, text))) = heads.pop_first() {
        write(line(&sources[at], time, text))?;
        let entry = logs[at].next().await;
        report.failures.extend(insert(&mut heads, at, order, entry));
    }
    ControlFlow::Continue(())
}

/// Inserts the next line of a log, behind the one before; returns the reason if there
/// is none because reading failed.
fn insert(
    heads: &mut BTreeMap<(Timestamp, usize), LogEntry>,
    log: usize,
    before: Timestamp,
    entry: Option<Result<LogEntry, Error>>,
) -> Option<Error> {
    match entry? {
        Ok((time, text)) => {
            let order = time.map_or(before, |time| time.max(before));
            heads.insert((order, log), (time, text));
            None
        }
        Err(error) => Some(error),
    }
}

/// The state of a log that is followed.
#[derive(Default)]
struct Followed {
    /// Set while its lines are being read.
    attached: bool,
    /// The time of its last line.
    last: Option<Timestamp>,
}

/// Passes on lines as they arrive, and looks for new containers meanwhile.
async fn follow(
    reader: &impl LogReader,
    write: &mut dyn FnMut(LogLine) -> ControlFlow<()>,
) -> Result<LogReport, Error> {
    let mut report = LogReport::default();
    let mut followed: BTreeMap<String, Followed> = BTreeMap::new();
    let mut lines = SelectAll::new();
    let mut start = LogStart::AsAsked;
    loop {
        for source in reader.sources().await? {
            let known = followed.get(&source.id);
            if known.is_some_and(|log| log.attached || !source.running) {
                continue;
            }
            let start = match known {
                Some(log) => LogStart::After(log.last),
                None => start,
            };
            let entries = reader.open(&source, start);
            let log = followed.entry(source.id.clone()).or_default();
            log.attached = true;
            lines.push(attributed(source, entries));
        }
        report.sources = followed.len();
        start = LogStart::After(None);
        let pause = tokio::time::sleep(LIST_INTERVAL);
        tokio::pin!(pause);
        loop {
            let (source, entry) = tokio::select! {
                Some(next) = lines.next() => next,
                () = &mut pause => break,
            };
            let log = followed.entry(source.id.clone()).or_default();
            match entry {
                Some(Ok((time, text))) => {
                    // The first lines may have been read before.
                    let old = time.is_some() && time <= log.last;
                    log.last = time.max(log.last);
                    if !old && write(line(&source, time, text)).is_break() {
                        return Ok(report);
                    }
                }
                Some(Err(error)) => report.failures.push(error),
                None => log.attached = false,
            }
        }
    }
}

/// Returns the lines of a log with their source, and an end.
fn attributed(
    source: LogSource,
    entries: LogEntries<'_>,
) -> BoxStream<'_, (LogSource, Option<Result<LogEntry, Error>>)> {
    let end = stream::once(std::future::ready(None));
    let entries = entries.map(Some).chain(end);
    entries.map(move |entry| (source.clone(), entry)).boxed()
}

fn line(source: &LogSource, time: Option<Timestamp>, text: String) -> LogLine {
    LogLine {
        component: source.component.clone(),
        container: source.name.clone(),
        machine: source.machine.clone(),
        time,
        text,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use kcc_diag::Code;

    use super::*;

    /// An engine whose listings follow each other, with the log of each container.
    struct Script {
        listings: Mutex<Vec<Vec<LogSource>>>,
        /// The lines by the identity of the log: a second and a text.
        logs: BTreeMap<&'static str, Vec<(i64, &'static str)>>,
        opened: Mutex<Vec<(String, LogStart)>>,
    }

    impl LogReader for Script {
        async fn sources(&self) -> Result<Vec<LogSource>, Error> {
            let mut listings = self.listings.lock().unwrap();
            Ok(match listings.len() {
                1 => listings[0].clone(),
                _ => listings.remove(0),
            })
        }

        fn open(&self, source: &LogSource, start: LogStart) -> LogEntries<'_> {
            let opened = (source.id.clone(), start);
            self.opened.lock().unwrap().push(opened);
            let entries = self.logs[source.id.as_str()].iter().map(|(second, text)| {
                if *text == "broken" {
                    return Err(Error::new(Code::ApplyRefused, "cannot read"));
                }
                let time = Timestamp::from_second(*second).unwrap();
                Ok((Some(time), (*text).to_owned()))
            });
            stream::iter(entries).boxed()
        }
    }

    fn source(id: &str, machine: &str) -> LogSource {
        LogSource {
            id: id.to_owned(),
            component: id.trim_end_matches(char::is_numeric).to_owned(),
            name: id.to_owned(),
            machine: machine.to_owned(),
            running: true,
        }
    }

    async fn read(
        script: &Script,
        options: &LogOptions,
        enough: usize,
    ) -> (Vec<String>, LogReport) {
        let mut texts = Vec::new();
        let mut write = |line: LogLine| {
            texts.push(format!("{} {}", line.container, line.text));
            if texts.len() == enough {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let report = read_logs(script, options, &mut write).await.unwrap();
        (texts, report)
    }

    #[tokio::test]
    async fn orders_the_lines_of_one_machine_only() {
        let script = Script {
            listings: Mutex::new(vec![vec![
                source("web", "n2"),
                source("cart1", "n1"),
                source("cart2", "n1"),
            ]]),
            logs: BTreeMap::from([
                ("web", vec![(0, "a"), (9, "b")]),
                // The second line was written by a clock that went back.
                ("cart1", vec![(3, "c"), (1, "d"), (5, "broken")]),
                ("cart2", vec![(2, "e"), (4, "f")]),
            ]),
            opened: Mutex::default(),
        };
        let (lines, report) = read(&script, &LogOptions::default(), usize::MAX).await;
        let expected = ["cart2 e", "cart1 c", "cart1 d", "cart2 f", "web a", "web b"];
        assert_eq!(lines, expected);
        assert_eq!((report.sources, report.failures.len()), (3, 1));
    }

    #[tokio::test]
    async fn follows_restarted_and_new_containers_without_repeating_lines() {
        let script = Script {
            listings: Mutex::new(vec![
                vec![source("web", "n1")],
                vec![source("cart", "n1"), source("web", "n1")],
            ]),
            logs: BTreeMap::from([("web", vec![(1, "a"), (2, "b")]), ("cart", vec![(1, "c")])]),
            opened: Mutex::default(),
        };
        let options = LogOptions {
            follow: true,
            ..LogOptions::default()
        };
        let (mut lines, _) = read(&script, &options, 3).await;
        lines.sort();
        assert_eq!(lines, ["cart c", "web a", "web b"]);
        let last = Timestamp::from_second(2).unwrap();
        let opened = script.opened.into_inner().unwrap();
        assert_eq!(
            opened,
            [
                ("web".to_owned(), LogStart::AsAsked),
                ("cart".to_owned(), LogStart::After(None)),
                ("web".to_owned(), LogStart::After(Some(last))),
            ]
        );
    }
}
