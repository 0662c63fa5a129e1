//! Modes of files, as octal text, and their owners, by number.

use kcc_diag::Code;

use super::Cursor;

/// Decodes a mode such as `"0755"`.
pub(crate) fn mode(node: &Cursor<'_>) -> Option<u32> {
    let text = node.text()?;
    let octal = (3..=4).contains(&text.len()) && text.bytes().all(|c| (b'0'..=b'7').contains(&c));
    let mode = u32::from_str_radix(&text, 8).ok().filter(|_| octal);
    // The kernel would give a file of root's to whoever runs it.
    if let Some(mode) = mode.filter(|mode| *mode <= 0o777) {
        return Some(mode);
    }
    let message = format!("`{}`: `{text}` is not a mode", node.path);
    let error = node.error(Code::ModelBadQuantity, message, "not a mode");
    node.report(
        error.help("write three octal digits behind a `0`, such as `\"0755\"` or `\"0400\"`"),
    );
    None
}

/// Decodes an owner, `uid` or `uid:gid`; without a group it is the user's number.
pub(crate) fn owner(node: &Cursor<'_>) -> Option<(u32, u32)> {
    let text = node.text()?;
    let (user, group) = text.split_once(':').unwrap_or((&text, &text));
    if let (Ok(user), Ok(group)) = (user.parse(), group.parse()) {
        return Some((user, group));
    }
    let message = format!("`{}`: `{text}` is not a user by number", node.path);
    let error = node.error(Code::ModelBadName, message, "not a number");
    node.report(error.help("write numbers such as `\"1000:1000\"`: only the image knows names"));
    None
}
