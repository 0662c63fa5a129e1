//! [`Error`]: a failure of the environment (daemon, cluster, file, command). User
//! mistakes are `Diagnostic`s instead; the two meet in `main`.

use kcc_diag::Code;
use kcc_model::RefusedImage;

use crate::Refusal;

/// A daemon, cluster, file or command that failed.
///
/// The message is one line, lower case, without a final period, and never
/// contains the value of a secret.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The code, which has a page.
    pub code: Code,
    /// The failure, in one line.
    pub message: String,
    /// One action that resolves it.
    pub help: Option<String>,
    /// Further explanation, such as the end of a log.
    pub detail: Vec<String>,
    /// The secrets whose values are unavailable, if that is the failure.
    pub secrets: Vec<MissingSecret>,
    /// True if execution may continue: the object stays in the inventory, and the
    /// next command tries again.
    pub tolerable: bool,
    /// The images whose user is refused, if that is the failure.
    pub images: Vec<RefusedImage>,
    /// The reasons to change nothing, if that is the failure.
    pub refusals: Vec<Refusal>,
    /// The underlying error.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// A secret whose value is unavailable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingSecret {
    /// The secret's name.
    pub name: String,
    /// The reason, in one line. Output of a command is left out: it may be the value.
    pub why: String,
    /// One action that resolves it.
    pub help: String,
}

impl MissingSecret {
    /// Describes the failure in one line.
    pub fn message(&self) -> String {
        format!("cannot get secret `{}`: {}", self.name, self.why)
    }
}

/// Joins all missing secrets into one error.
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

/// Joins all refusals into one error, so that one run shows every image to look at.
impl From<Vec<RefusedImage>> for Error {
    fn from(images: Vec<RefusedImage>) -> Self {
        let lines: Vec<_> = images.iter().map(RefusedImage::message).collect();
        let mut error = Self::new(Code::ApplyImageUser, lines.join("; "));
        error.help = images.first().map(RefusedImage::help);
        error.images = images;
        error
    }
}

/// Joins all refusals into one error.
impl From<Vec<Refusal>> for Error {
    fn from(refusals: Vec<Refusal>) -> Self {
        let code = refusals.first().map_or(Code::ApplyRefused, |one| one.code);
        let lines: Vec<_> = refusals.iter().map(|one| one.message.as_str()).collect();
        let mut error = Self::new(code, lines.join("; "));
        error.help = refusals.first().map(|one| one.help.clone());
        error.refusals = refusals;
        error
    }
}

impl Error {
    /// Creates an error without help or cause.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
            detail: Vec::new(),
            secrets: Vec::new(),
            tolerable: false,
            images: Vec::new(),
            refusals: Vec::new(),
            cause: None,
        }
    }

    /// Sets the help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds lines of explanation.
    #[must_use]
    pub fn detail(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.detail.extend(lines);
        self
    }

    /// Marks it as tolerable.
    #[must_use]
    pub fn tolerable(mut self) -> Self {
        self.tolerable = true;
        self
    }

    /// Sets the underlying error.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Returns the message followed by those of its causes, each once.
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

    /// The exit code of a command that fails with this error.
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
    fn chain_names_each_cause_once() {
        let inner = std::io::Error::other("no such host");
        let error = Error::new(Code::PlanDockerUnreachable, "cannot reach Docker").cause(inner);
        assert_eq!(error.chain(), "cannot reach Docker: no such host");
        let error = Error::new(Code::StateStore, "cannot write: disk full")
            .cause(std::io::Error::other("disk full"));
        assert_eq!(error.chain(), "cannot write: disk full");
    }
}
