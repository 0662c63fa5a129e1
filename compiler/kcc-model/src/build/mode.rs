//! Decodes file modes, written in octal, and numeric file owners.

use kcc_diag::Code;

use super::Cursor;

/// Decodes the mode of a file, such as `"0755"`. It has neither setuid nor setgid,
/// which would run a file of root as root.
pub(crate) fn of_file(node: &Cursor<'_>) -> Option<u32> {
    let help = "write `0` and three octal digits, such as `\"0755\"` or `\"0400\"`";
    mode(node, 0o777, "file", help)
}

/// Decodes the mode of a directory. It may be sticky, as in `"1777"`: then only the
/// owner of a file in it can remove the file.
pub(crate) fn of_directory(node: &Cursor<'_>) -> Option<u32> {
    let help = "write `0`, or `1` for a sticky directory, and three octal digits, such as \
                `\"0755\"` or `\"1777\"`";
    mode(node, 0o1777, "directory", help)
}

fn mode(node: &Cursor<'_>, highest: u32, what: &str, help: &str) -> Option<u32> {
    let text = node.text()?;
    let octal = (3..=4).contains(&text.len()) && text.bytes().all(|c| (b'0'..=b'7').contains(&c));
    let mode = u32::from_str_radix(&text, 8).ok().filter(|_| octal);
    if let Some(mode) = mode.filter(|mode| *mode <= highest) {
        return Some(mode);
    }
    let message = format!("`{}`: `{text}` is not a valid {what} mode", node.path);
    let label = format!("not a {what} mode");
    let error = node.error(Code::ModelBadQuantity, message, label);
    node.report(error.help(help));
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
