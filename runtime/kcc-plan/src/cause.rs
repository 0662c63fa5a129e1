//! [`Cause`]: a reason why a component is not ready, in terms that hold for every engine.
//! An engine names that of each component by itself, from its own objects.

use jiff::Timestamp;
use kcc_model::{Name, Until};
use serde::Serialize;

/// A reason why a component is not ready: at most three lines of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// The kind, such as `image-not-found`.
    pub kind: String,
    /// The object that it is about, such as ``pod `web-1` ``.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The cause in one sentence. Never contains the value of a secret, nor a number that
    /// changes while it lasts.
    pub message: String,
    /// The progress of the component so far, such as `1 of 3 replicas updated`.
    #[serde(skip)]
    pub progress: Option<String>,
    /// The last line of the log, with secrets redacted, if it belongs to the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_log_line: Option<String>,
    /// The fact of the engine that proves it, such as the labels that nodes have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// One action that resolves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Its beginning, by the clock of the engine or of the machine that noticed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Set if it stays until somebody changes something, so that nothing waits for it.
    #[serde(skip)]
    pub is_final: bool,
    /// Set if it may be the consequence of a need that is not ready.
    #[serde(skip)]
    pub may_follow: bool,
}

impl Cause {
    /// Creates a cause of some kind.
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            about: None,
            message: message.into(),
            progress: None,
            last_log_line: None,
            evidence: None,
            help: None,
            since: None,
            is_final: false,
            may_follow: false,
        }
    }

    /// Creates the cause of something that takes its time: no failure is known.
    pub fn progress(message: impl Into<String>) -> Self {
        Self::new("in-progress", message).may_follow()
    }

    /// Names the object that it is about.
    #[must_use]
    pub fn about(mut self, object: impl Into<String>) -> Self {
        self.about = Some(object.into());
        self
    }

    /// Sets the fact that proves it.
    #[must_use]
    pub fn evidence(mut self, fact: impl Into<Option<String>>) -> Self {
        self.evidence = fact.into();
        self
    }

    /// Sets the last line of the log.
    #[must_use]
    pub fn last_log_line(mut self, line: impl Into<Option<String>>) -> Self {
        self.last_log_line = line.into();
        self
    }

    /// Sets the action that resolves it.
    #[must_use]
    pub fn help(mut self, action: impl Into<String>) -> Self {
        self.help = Some(action.into());
        self
    }

    /// Sets its beginning, if that is known.
    #[must_use]
    pub fn since(mut self, time: impl Into<Option<Timestamp>>) -> Self {
        self.since = time.into();
        self
    }

    /// Marks it as one that does not end by itself.
    #[must_use]
    pub fn is_final(mut self) -> Self {
        self.is_final = true;
        self
    }

    /// Marks it as one that may follow from a need.
    #[must_use]
    pub fn may_follow(mut self) -> Self {
        self.may_follow = true;
        self
    }

    /// Returns what comes after the message, in at most two lines.
    pub fn details(&self) -> impl Iterator<Item = String> {
        let line = self.last_log_line.as_ref();
        let line = line.map(|line| format!("last log line: {line}"));
        let facts: Vec<_> = line.into_iter().chain(self.evidence.clone()).collect();
        let facts = (!facts.is_empty()).then(|| facts.join("; "));
        let help = self.help.as_ref().map(|help| format!("help: {help}"));
        facts.into_iter().chain(help)
    }

    /// Returns the message with the progress so far.
    pub fn text(&self) -> String {
        match &self.progress {
            Some(progress) => format!("{progress}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

/// A function that recognises one kind of cause in the facts.
pub type FindCause<F> = fn(&F) -> Option<Cause>;

/// Returns the first cause of a list that recognises the facts. Its kind is the name in
/// the list, unless it has one of its own.
pub fn first_cause<F>(causes: &[(&str, FindCause<F>)], facts: &F) -> Option<Cause> {
    causes.iter().find_map(|(name, find)| {
        let mut cause = find(facts)?;
        if cause.kind.is_empty() {
            cause.kind = name.replace('_', "-");
        }
        Some(cause)
    })
}

/// A step of the way from a component to the cause: what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NeedLink {
    /// The component that is needed.
    pub component: Name,
    /// The state that is needed.
    pub until: Until,
}

/// Returns `started`, `healthy` or `completed`.
pub(crate) fn state_name(until: Until) -> &'static str {
    match until {
        Until::Started => "started",
        Until::Healthy => "healthy",
        Until::Completed => "completed",
    }
}
