//! Decodes file modes, written in octal, and numeric file owners.

use kcc_diag::Code;

use super::Cursor;

/// Decodes a mode such as `"0755"`.
pub(crate) fn mode(node: &Cursor<'_>) -> Option<u32> {
    let text = node.text()?;
    let octal = (3..=4).contains(&text.len()) && text.bytes().all(|c| (b'0'..=b'7').contains(&c));
    let mode = u32::from_str_radix(&text, 8).ok().filter(|_| octal);
    // Above 0o777 are setuid and setgid, which would run a file of root as root.
    if let Some(mode) = mode.filter(|mode| *mode <= 0o777) {
        return Some(mode);
    }
    let message = format!("`{}`: `{text}` is not a valid file mode", node.path);
    let error = node.error(Code::ModelBadQuantity, message, "not a file mode");
    node.report(error.help("write `0` and three octal digits, such as `\"0755\"` or `\"0400\"`"));
    None
}

/// Decodes an owner, `uid` or `uid:gid`; the group defaults to the user's number.
pub(crate) fn owner(node: &Cursor<'_>) -> Option<(u32, u32)> {
    let text = node.text()?;
    let (user, group) = text.split_once(':').unwrap_or((&text, &text));
    if let (Ok(user), Ok(group)) = (user.parse(), group.parse()) {
        return Some((user, group));
    }
    let message = format!("`{}`: expected a numeric user, found `{text}`", node.path);
    let error = node.error(Code::ModelBadName, message, "not a number");
    node.report(
        error.help("write numbers such as `\"1000:1000\"`: user names exist only in the image"),
    );
    None
}
