//! The refusals to pull an image, which several causes tell apart.

use kcc_plan::Cause;

use super::{Facts, cause};
use crate::text::one_line;

/// Returns the reason why the image of a container cannot be pulled: the last of several
/// nested errors, each of which repeats the name of the image.
pub(super) fn refusal<'a>(facts: &Facts<'a>) -> Option<&'a str> {
    let (reason, message) = facts.waiting()?;
    if !matches!(reason, "ImagePullBackOff" | "ErrImagePull") {
        return None;
    }
    if message.is_empty() {
        return Some(reason);
    }
    let mut rest = message
        .split_once("ErrImagePull: ")
        .map_or(message, |(_, reason)| reason);
    if let Some((_, description)) = rest.split_once(" desc = ") {
        rest = description;
    }
    for step in ["pull and unpack image", "resolve reference"] {
        rest = rest
            .strip_prefix(&format!("failed to {step} \""))
            .and_then(|rest| Some(rest.split_once("\": ")?.1))
            .unwrap_or(rest);
    }
    let image = format!("{}: ", facts.image());
    Some(rest.strip_prefix(&image).unwrap_or(rest))
}

/// Creates the cause of a container whose image cannot be pulled.
pub(super) fn cannot_pull(facts: &Facts<'_>, why: &str) -> Cause {
    let (image, node) = (facts.image(), facts.on_node());
    cause(format!(
        "image `{image}` cannot be pulled{node}: {}",
        one_line(why)
    ))
    .is_final()
}

/// Returns the host of an image's registry.
pub(super) fn registry<'a>(facts: &Facts<'a>) -> &'a str {
    let image = facts.image();
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}
