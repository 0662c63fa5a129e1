//! [`Facts`]: everything that is known about one container, with the questions that the
//! causes ask.

use jiff::Timestamp;
use kcc_lower::docker::Container;
use kcc_plan::{Cause, symptoms};

use super::cause;
use crate::{client::Inspected, observed::ContainerState, readiness::Look};

/// The facts about a container that is not ready.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) name: &'a str,
    pub(crate) container: &'a Container,
    pub(crate) look: &'a Look,
    /// The end of its last run, if that is why it is not ready.
    pub(crate) exit: Option<Exit>,
}

/// The end of a container's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit {
    /// The exit code, if the engine still knows it.
    pub(crate) code: Option<i64>,
    /// Set if the engine starts the container again.
    pub(crate) is_loop: bool,
}

impl Exit {
    pub(crate) fn new(code: Option<i64>, is_loop: bool) -> Self {
        Self { code, is_loop }
    }

    /// Describes the end.
    pub(crate) fn describe(&self) -> String {
        match (self.code, self.is_loop) {
            (Some(code), true) => format!("crash loop: exit code {code}"),
            (None, true) => "crash loop".to_owned(),
            (Some(code), false) => format!("exited with exit code {code}"),
            (None, false) => "exited".to_owned(),
        }
    }
}

impl<'a> Facts<'a> {
    pub(crate) fn found(&self) -> Option<&'a Inspected> {
        self.look.found.as_ref()
    }

    /// Returns the engine's reason why the container could not be started.
    pub(crate) fn start_error(&self) -> Option<&'a str> {
        self.found()?.error.as_deref()
    }

    /// Creates the cause of a container that could not be started.
    pub(crate) fn cannot_start(&self, why: &str) -> Cause {
        match self.exit {
            // A job that could not be started has an exit code too.
            Some(exit) => cause(format!("{}: cannot start: {why}", exit.describe())),
            None => cause(format!("cannot start: {why}")),
        }
    }

    /// Creates the cause of a container that ended, if its log does not contradict.
    pub(crate) fn ended(&self, how: &str) -> Option<Cause> {
        let exit = self.exit?.describe();
        let message = if how.is_empty() {
            exit
        } else {
            format!("{exit}: {how}")
        };
        Some(
            cause(message)
                .last_log_line(self.log_line())
                .evidence(self.restarts()),
        )
    }

    /// Returns the last line of the log.
    pub(crate) fn log(&self) -> Option<&'a str> {
        symptoms::last_line(&self.look.log)
    }

    /// Returns the cause of a container that ended with an error, if the last line of its
    /// log contains one of some texts, in lower case.
    pub(crate) fn logged(&self, how: &str, texts: &[&str]) -> Option<Cause> {
        self.exit.filter(|exit| exit.code != Some(0))?;
        let line = self.log()?.to_lowercase();
        let has = texts.iter().any(|text| line.contains(text));
        has.then(|| self.ended(how)).flatten()
    }

    /// Returns the cause of a container that ended with an exit code.
    pub(crate) fn exited(&self, code: i64, how: &str) -> Option<Cause> {
        self.exit.filter(|exit| exit.code == Some(code))?;
        self.ended(how)
    }

    /// Returns the last line of the log for people.
    pub(crate) fn log_line(&self) -> Option<String> {
        self.log().map(str::to_owned)
    }

    /// Returns the number of restarts, as evidence.
    pub(crate) fn restarts(&self) -> Option<String> {
        symptoms::restarts(self.found()?.restarts)
    }

    /// Returns the answer of a health check that fails.
    pub(crate) fn answer(&self) -> Option<&'a str> {
        match self.look.answer.as_ref()? {
            Err(why) if self.exit.is_none() => Some(why),
            _ => None,
        }
    }

    /// Returns the time of the last end, or else of the last start or the creation.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        let found = self.found()?;
        let time = match found.state {
            ContainerState::Created => &found.created_at,
            ContainerState::Running | ContainerState::Paused if self.exit.is_none() => {
                &found.started_at
            }
            _ => &found.finished_at,
        };
        // Docker reports Go's zero time for what never happened.
        let time: Timestamp = time.parse().ok()?;
        (time > Timestamp::UNIX_EPOCH).then_some(time)
    }
}
