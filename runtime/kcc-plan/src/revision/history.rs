//! [`History`]: the revisions that a record retains, each with enough to print it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use kcc_diag::Code;
use kcc_lock::Digest;
use kcc_model::Name;
use serde::{Deserialize, Serialize};

use super::header::{self, Header, Kind};
use crate::{ApplyReport, Blob, Error, Outcome as ComponentOutcome, Scope, Totals, Who};

/// The most components that an entry names. A first apply of a thousand would make every
/// later history long.
const NAMED: usize = 20;

/// The revisions of a scope, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    #[serde(flatten)]
    header: Header,
    /// The entries, with rising numbers.
    pub entries: Vec<Entry>,
}

/// A time by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clocks {
    /// By the clock of the machine that ran the command.
    pub client: Timestamp,
    /// By the clock of the engine.
    pub engine: Timestamp,
}

/// One revision in a history, or the removal of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The number, which counts up from 1 in a scope.
    pub number: u64,
    /// The desired state, or its removal.
    #[serde(flatten)]
    pub kind: EntryKind,
    /// The start of the command.
    pub started: Clocks,
    /// Its end; none if it was interrupted, or still runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Clocks>,
    /// The person or CI job that ran it.
    pub who: Who,
    /// The message of `kcc apply -m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The result; none if the command was interrupted, or still runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Result>,
}

/// The removal of a target, to be added to its history.
pub struct Removal {
    pub(super) who: Who,
    pub(super) message: Option<String>,
}

/// A desired state, or its removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EntryKind {
    /// A desired state.
    #[serde(rename_all = "camelCase")]
    Revision {
        /// The manifest.
        manifest: Digest,
        /// The other blobs that it consists of.
        blobs: Vec<Digest>,
        /// The components that differ from the revision before.
        changes: Changes,
        /// The revision whose objects it applies again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rolls_back_to: Option<u64>,
    },
    /// A `down`, which left data behind. One that leaves nothing removes the history.
    Removed {},
}

/// The components that differ from the revision before, by team.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Changes {
    /// The numbers of components that are added, changed and removed, by team.
    pub teams: BTreeMap<Name, [usize; 3]>,
    /// The components that are added, changed or removed; none if they are many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<BTreeSet<Name>>,
    /// True if what belongs to no component differs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

/// The result of an apply or a `down`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Result {
    /// The outcome as a whole.
    pub outcome: Outcome,
    /// The numbers of components by outcome.
    pub totals: Totals,
    /// The blob with the details, a [`RecordedOutcome`].
    pub details: Digest,
}

/// The outcome of an apply as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Everything was done and is ready.
    Complete,
    /// Something failed.
    Incomplete,
    /// The user stopped it.
    Stopped,
}

/// The details of an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedOutcome {
    #[serde(flatten)]
    header: Header,
    /// The number of the entry.
    pub number: u64,
    /// The outcome as a whole.
    pub(super) outcome: Outcome,
    pub(super) totals: Totals,
    /// The components that were changed, or could not be, with the outcome.
    pub components: BTreeMap<Name, ComponentOutcome>,
    /// The failures, in the order in which they occurred.
    pub failures: Vec<RecordedFailure>,
    /// The identities of the images that ran, by reference, as far as the engine tells.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, BTreeSet<String>>,
}

/// A failure during an apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFailure {
    /// The code.
    pub code: String,
    /// The component; none for shared objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Name>,
    /// The team that answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Name>,
    /// The failure with its causes, in one line.
    pub message: String,
}

/// A revision as a user names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevisionId {
    /// By its number.
    Number(u64),
    /// The one in force at a time.
    At(Time),
}

/// A time as a user names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// A point in time.
    Point(Timestamp),
    /// A duration before now.
    Ago(Duration),
}

impl Time {
    /// Returns the point in time, given the engine's.
    pub fn point(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Point(time) => time,
            Self::Ago(duration) => now.checked_sub(duration).unwrap_or(Timestamp::MIN),
        }
    }
}

impl HistoryNow {
    /// Fails if the scope was never applied.
    pub fn check_applied(&self, scope: &Scope) -> std::result::Result<(), Error> {
        if self.history.entries.is_empty() {
            let now = RevisionId::At(Time::Point(self.now));
            self.history.find(now, scope, self.now)?;
        }
        Ok(())
    }
}

/// A history as it is at one time.
#[derive(Debug, Clone)]
pub struct HistoryNow {
    /// The history.
    pub history: History,
    /// True if the command of the last entry still runs.
    pub runs: bool,
    /// The engine's time.
    pub now: Timestamp,
}

impl HistoryNow {
    /// Returns the state of an entry in one word, such as `complete`.
    pub fn state(&self, entry: &Entry) -> &'static str {
        match &entry.result {
            Some(result) => result.outcome.as_str(),
            None if self.runs && self.history.last() == Some(entry) => "running",
            None => "interrupted",
        }
    }
}

impl Outcome {
    /// Returns `complete`, `incomplete` or `stopped`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incomplete => "incomplete",
            Self::Stopped => "stopped",
        }
    }
}

impl Default for History {
    fn default() -> Self {
        Self {
            header: Header::new(Kind::History),
            entries: Vec::new(),
        }
    }
}

impl History {
    /// Reads a history.
    pub fn parse(blob: &Blob) -> std::result::Result<Self, Error> {
        header::parse(blob, Kind::History)
    }

    pub(crate) fn blob(&self) -> Blob {
        header::blob(self)
    }

    /// Returns the entry of a number.
    pub fn get(&self, number: u64) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.number == number)
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Entry> {
        let mut entries = self.entries.iter_mut();
        entries.find(|entry| entry.number == number)
    }

    /// Adds the removal of the target.
    pub(crate) fn remove(&mut self, started: Clocks, removal: Removal) {
        let number = self.last().map_or(0, |entry| entry.number) + 1;
        self.entries.push(Entry {
            number,
            kind: EntryKind::Removed {},
            started,
            ended: None,
            who: removal.who,
            message: removal.message,
            result: None,
        });
    }

    /// Returns the last entry.
    pub fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// Finds the revision that a user names, or says which there are.
    pub fn find(
        &self,
        id: RevisionId,
        scope: &Scope,
        now: Timestamp,
    ) -> std::result::Result<&Entry, Error> {
        let missing = |message: String, help: String| {
            Err(Error::new(Code::StateNoRevision, message).help(help))
        };
        let listed = scope.command("history");
        let (Some(first), Some(last)) = (self.entries.first(), self.entries.last()) else {
            return missing(
                format!("{scope} has no revisions"),
                format!("apply it first: `{}`", scope.command("apply")),
            );
        };
        let there = match (first.number, last.number) {
            (first, last) if first == last => format!("there is revision {first} alone"),
            (first, last) => format!("the revisions are {first} to {last}"),
        };
        match id {
            RevisionId::Number(number) => match self.get(number) {
                Some(entry) if matches!(entry.kind, EntryKind::Removed {}) => missing(
                    format!("{number} is not a revision of {scope}: it was taken down then"),
                    format!("choose another one from `{listed}`"),
                ),
                Some(entry) => Ok(entry),
                None => missing(
                    format!("{scope} has no revision {number}"),
                    format!("{there}; list them with `{listed}`"),
                ),
            },
            RevisionId::At(time) => {
                let time = time.point(now);
                let mut before = self.entries.iter().rev();
                match before.find(|entry| entry.started.engine <= time) {
                    Some(entry) if matches!(entry.kind, EntryKind::Removed {}) => missing(
                        format!("{scope} was taken down at {}", shown(time)),
                        format!("choose a revision from `{listed}`"),
                    ),
                    Some(entry) => Ok(entry),
                    None => missing(
                        format!("{scope} has no revision as old as {}", shown(time)),
                        format!(
                            "the oldest is {}, of {}; list all with `{listed}`",
                            first.number,
                            shown(first.started.engine)
                        ),
                    ),
                }
            }
        }
    }

    /// Leaves out all but the last entries and the last complete one, whose state may
    /// have to be restored.
    pub(crate) fn trim(&mut self, retained: usize) {
        let complete = self.entries.iter().rev().find(|entry| entry.is_complete());
        let good = complete.map(|entry| entry.number);
        let old = self.entries.len().saturating_sub(retained);
        let mut position = 0;
        self.entries.retain(|entry| {
            position += 1;
            position > old || Some(entry.number) == good
        });
    }

    /// Iterates over the blobs that the entries name.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Digest> {
        self.entries.iter().flat_map(|entry| {
            let details = entry.result.iter().map(|result| &result.details);
            entry.blobs().chain(details)
        })
    }

    /// Adds the entries of an archive that are older than its own, and returns their
    /// number. The two have to be one history: where both have an entry, it is the same.
    pub(crate) fn extend(
        &mut self,
        archived: Self,
        scope: &Scope,
    ) -> std::result::Result<usize, Error> {
        let mut older = Vec::new();
        let first = self.entries.first().map(|entry| entry.number);
        for entry in archived.entries {
            match self.get(entry.number) {
                Some(own) if own.started == entry.started && own.kind == entry.kind => {}
                None if first.is_none_or(|first| entry.number < first) => older.push(entry),
                // The record retained it no longer, or has begun again.
                None => {}
                Some(_) => {
                    let message = format!(
                        "revision {} in the archive is not revision {} of {scope}",
                        entry.number, entry.number
                    );
                    return Err(Error::new(Code::StateArchive, message).help(format!(
                        "the target began again after it was lost; look at both with `{}`",
                        scope.command("history")
                    )));
                }
            }
        }
        let added = older.len();
        older.append(&mut self.entries);
        self.entries = older;
        Ok(added)
    }
}

/// Formats a time as users write it.
fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

impl Entry {
    /// Returns true if the revision was brought about in full.
    pub fn is_complete(&self) -> bool {
        let result = self.result.as_ref();
        matches!(self.kind, EntryKind::Revision { .. })
            && result.is_some_and(|result| result.outcome == Outcome::Complete)
    }

    /// Returns true if components of the target may run after it.
    pub(super) fn leaves_something(&self) -> bool {
        match self.kind {
            EntryKind::Revision { .. } => true,
            EntryKind::Removed {} => {
                let result = self.result.as_ref();
                result.is_none_or(|result| result.outcome != Outcome::Complete)
            }
        }
    }

    /// Iterates over the blobs that a revision consists of.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Digest> {
        let revision = match &self.kind {
            EntryKind::Revision {
                manifest, blobs, ..
            } => Some(blobs.iter().chain([manifest])),
            EntryKind::Removed {} => None,
        };
        revision.into_iter().flatten()
    }

    /// Returns the manifest of a revision.
    pub fn manifest(&self) -> Option<&Digest> {
        match &self.kind {
            EntryKind::Revision { manifest, .. } => Some(manifest),
            EntryKind::Removed {} => None,
        }
    }

    /// Returns the changes of a revision.
    pub fn changes(&self) -> Option<&Changes> {
        match &self.kind {
            EntryKind::Revision { changes, .. } => Some(changes),
            EntryKind::Removed {} => None,
        }
    }
}

impl Changes {
    /// Adds a component. `kind` is 0 for one that is added, 1 changed, 2 removed.
    pub(super) fn add(&mut self, team: &Name, name: &Name, kind: usize) {
        self.teams.entry(team.clone()).or_default()[kind] += 1;
        if let Some(names) = &mut self.components {
            names.insert(name.clone());
            if names.len() > NAMED {
                self.components = None;
            }
        }
    }

    /// Returns the changes of a revision that only its manifest is left of.
    pub(super) fn unknown() -> Self {
        Self {
            components: None,
            ..Self::default()
        }
    }

    /// Returns true if nothing differs.
    pub fn is_empty(&self) -> bool {
        self.teams.is_empty() && !self.shared
    }
}

impl RecordedOutcome {
    /// Describes the report of a command.
    pub(crate) fn new(number: u64, report: &ApplyReport) -> Self {
        let components = report.components.iter();
        let touched = components.filter(|(_, of)| of.outcome != ComponentOutcome::Unchanged);
        let failures = report.failures.iter().map(|failure| RecordedFailure {
            code: failure.code.as_str().to_owned(),
            component: failure.component.clone(),
            team: failure.team.clone(),
            message: failure.message.clone(),
        });
        Self {
            header: Header::new(Kind::Outcome),
            number,
            outcome: if report.is_complete() {
                Outcome::Complete
            } else if report.cancelled {
                Outcome::Stopped
            } else {
                Outcome::Incomplete
            },
            totals: report.totals(),
            components: touched
                .map(|(name, of)| (name.clone(), of.outcome))
                .collect(),
            failures: failures.collect(),
            images: BTreeMap::new(),
        }
    }

    /// Returns the result of an entry; `details` is the digest of the blob.
    pub(crate) fn result(&self, details: &Digest) -> Result {
        Result {
            outcome: self.outcome,
            totals: self.totals,
            details: details.clone(),
        }
    }

    pub(crate) fn blob(&self) -> Blob {
        header::blob(self)
    }

    /// Reads the details of an outcome.
    pub(super) fn parse(blob: &Blob) -> std::result::Result<Self, Error> {
        header::parse(blob, Kind::Outcome)
    }
}
