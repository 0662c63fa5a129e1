//! [`Error`]: the environment failed. A user's mistake is never one of these:
//! that is a `Diagnostic`. Both meet in `main`.

use kcc_diag::Code;

use crate::RefusedImage;

/// A daemon, cluster, file or command that did not do what it was asked.
///
/// The message is one line, lower case and without a final period; it never
/// holds the value of a secret.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The code, which has a page.
    pub code: Code,
    /// What failed, in one line.
    pub message: String,
    /// One action that mends it.
    pub help: Option<String>,
    /// What else explains it, such as the last lines of a log.
    pub detail: Vec<String>,
    /// The secrets whose values cannot be had, where that is what failed.
    pub secrets: Vec<MissingSecret>,
    /// It stops nothing: the object stays, is remembered, and the next command
    /// tries again.
    pub tolerable: bool,
    /// The images that must not start as their own user, where that is what failed.
    pub images: Vec<RefusedImage>,
    /// What it failed with.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// A secret whose value cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingSecret {
    /// Its name.
    pub name: String,
    /// Why, in one line. What a command says is left out: it may be the value.
    pub why: String,
    /// One action that mends it.
    pub help: String,
}

impl MissingSecret {
    /// What failed, in one line.
    pub fn message(&self) -> String {
        format!(
            "the value of secret `{}` cannot be had: {}",
            self.name, self.why
        )
    }
}

/// One or more of them, all told at once.
impl From<Vec<MissingSecret>> for Error {
    fn from(secrets: Vec<MissingSecret>) -> Self {
        let lines: Vec<_> = secrets.iter().map(MissingSecret::message).collect();
        let mut error = Self::new(Code::ApplySecret, lines.join("; "));
        error.help = secrets.first().map(|secret| secret.help.clone());
        error.secrets = secrets;
        error
    }
}

impl From<MissingSecret> for Error {
    fn from(secret: MissingSecret) -> Self {
        vec![secret].into()
    }
}

impl Error {
    /// An error without help or cause.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
            detail: Vec::new(),
            secrets: Vec::new(),
            tolerable: false,
            images: Vec::new(),
            cause: None,
        }
    }

    /// Says what mends it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds lines that explain it.
    #[must_use]
    pub fn detail(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.detail.extend(lines);
        self
    }

    /// Makes it one that stops nothing.
    #[must_use]
    pub fn tolerable(mut self) -> Self {
        self.tolerable = true;
        self
    }

    /// Says what it failed with.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The message followed by those of its causes, each once.
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            let line = error.to_string();
            if !text.contains(&line) {
                text.push_str(": ");
                text.push_str(&line);
            }
            next = error.source();
        }
        text
    }

    /// The exit code of a command that ends with it.
    pub fn exit_code(&self) -> u8 {
        match self.code {
            Code::ApplyIncomplete => 4,
            _ => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_names_each_cause_once() {
        let inner = std::io::Error::other("no such host");
        let error = Error::new(Code::PlanDockerUnreachable, "no engine answers").cause(inner);
        assert_eq!(error.chain(), "no engine answers: no such host");
        let error = Error::new(Code::StateStore, "cannot write: disk full")
            .cause(std::io::Error::other("disk full"));
        assert_eq!(error.chain(), "cannot write: disk full");
    }
}
