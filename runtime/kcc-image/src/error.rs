//! The errors of reading an image, and which of them say that a registry lacks it.

use std::error::Error as StdError;

use kcc_diag::Code;
use kcc_plan::Error;
use oci_client::errors::{OciDistributionError, OciErrorCode};

/// The reason why a registry gives no answer about an image.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It does not have the image, or does not say whether it does.
    Absent,
    /// It wants a login, or another one. Docker Hub also gives this answer for a missing
    /// image.
    Denied(String),
    /// Anything else.
    Failed(Error),
}

/// The content that a registry is asked for, as messages name it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// An image, by its reference.
    Image(&'a str),
    /// An archive, by its address.
    Archive(&'a str),
}

impl Subject<'_> {
    /// Returns the error that it cannot be read or written.
    pub(crate) fn unusable(self, why: impl Into<String>) -> Error {
        match self {
            Self::Image(reference) => unreadable(reference, why),
            Self::Archive(address) => {
                let message = format!("cannot use archive `{address}`: {}", why.into());
                Error::new(Code::StateStore, message)
            }
        }
    }

    /// Returns the error that its content is not what a digest says.
    pub(crate) fn damaged(self) -> Error {
        let error = self.unusable("its content does not match its digest");
        match self {
            Self::Image(_) => error.help("push the image again; the registry's copy is damaged"),
            Self::Archive(_) => Error {
                code: Code::StateDamaged,
                ..error
            },
        }
    }

    /// Returns the error that its registry cannot be reached.
    pub(crate) fn unreachable(self, registry: &str, why: impl Into<String>) -> Error {
        let error = unreachable(registry, why);
        match self {
            Self::Image(_) => error,
            Self::Archive(_) => error.help("check the connection"),
        }
    }
}

/// Tells the errors of a registry apart.
pub(crate) fn refusal(
    subject: Subject<'_>,
    registry: &str,
    error: OciDistributionError,
) -> Refusal {
    match error {
        OciDistributionError::ImageManifestNotFoundError(_)
        | OciDistributionError::ServerError { code: 404, .. } => Refusal::Absent,
        OciDistributionError::AuthenticationFailure(why) => Refusal::Denied(one_line(&why)),
        OciDistributionError::UnauthorizedError { .. } => {
            Refusal::Denied("authentication required".to_owned())
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let Some(first) = envelope.errors.into_iter().next() else {
                return Refusal::Denied("it does not say why".to_owned());
            };
            match first.code {
                OciErrorCode::BlobUnknown
                | OciErrorCode::ManifestUnknown
                | OciErrorCode::NameUnknown
                | OciErrorCode::NotFound => Refusal::Absent,
                OciErrorCode::Unauthorized | OciErrorCode::Denied => {
                    Refusal::Denied(one_line(&first.message))
                }
                OciErrorCode::Toomanyrequests => Refusal::Failed(
                    subject
                        .unusable("the registry limits the number of requests")
                        .help("wait, or log in with `docker login`"),
                ),
                _ => Refusal::Failed(subject.unusable(one_line(&first.message))),
            }
        }
        OciDistributionError::ServerError {
            code: 401 | 403, ..
        } => Refusal::Denied("permission denied".to_owned()),
        OciDistributionError::ServerError { code, .. } if code >= 500 => {
            Refusal::Failed(subject.unreachable(registry, format!("it answers with {code}")))
        }
        OciDistributionError::RequestError(error) => {
            Refusal::Failed(subject.unreachable(registry, innermost(&error)))
        }
        OciDistributionError::DigestError(_) => Refusal::Failed(subject.damaged()),
        error => Refusal::Failed(subject.unusable(one_line(&error.to_string()))),
    }
}

/// Returns the error that a registry cannot be reached.
fn unreachable(registry: &str, why: impl Into<String>) -> Error {
    let message = format!("cannot reach registry `{registry}`: {}", why.into());
    Error::new(Code::PlanRegistryUnreachable, message).help(
        "check the connection, or read images from the Docker engine: `kcc lock --from docker`",
    )
}

/// Returns the error that an image cannot be read.
pub(crate) fn unreadable(reference: &str, why: impl Into<String>) -> Error {
    let message = format!("cannot read image `{reference}`: {}", why.into());
    Error::new(Code::PlanImageUnreadable, message)
}

/// Returns the message of the error that caused all others, which is the one that
/// says something: `connection refused` rather than `error sending request`.
fn innermost(error: &dyn StdError) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    one_line(&last.to_string())
}

fn one_line(text: &str) -> String {
    let text = text.trim().lines().next().unwrap_or_default();
    let text = text.trim_end_matches('.');
    if text.is_empty() {
        "no reason given".to_owned()
    } else {
        text.to_owned()
    }
}
