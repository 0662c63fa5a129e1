//! The names of capabilities: the kernel's, without `CAP_`.

use std::collections::BTreeSet;

use kcc_diag::{Code, nearest};

use super::Cursor;

/// What the kernel knows, and `ALL` for all of them.
const KNOWN: [&str; 42] = [
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

/// Decodes `capabilities`: those that are added, and those that are dropped.
pub(crate) fn changed(node: &Cursor<'_>) -> (Vec<String>, Vec<String>) {
    node.only(&["add", "drop"]);
    let (added, dropped) = (list(node, "add"), list(node, "drop"));
    for name in dropped.intersection(&added) {
        let field = node.path.join("add");
        let message = format!("`{}` adds and drops `{name}`", node.path);
        let error = node
            .lines
            .error(Code::ModelBadCapability, &field, message, "added");
        let error = node.lines.also(error, &node.path.join("drop"), "dropped");
        node.report(error.help(format!("keep `{name}` in one of the two lists")));
    }
    (added.into_iter().collect(), dropped.into_iter().collect())
}

fn list(node: &Cursor<'_>, field: &str) -> BTreeSet<String> {
    node.child(field)
        .map(|field| named(&field))
        .unwrap_or_default()
}

/// The capabilities in a list; names that the kernel does not know are reported.
pub(crate) fn named(field: &Cursor<'_>) -> BTreeSet<String> {
    let names = field.texts().unwrap_or_default();
    for name in &names {
        if KNOWN.contains(&name.as_str()) {
            continue;
        }
        let message = format!("`{}`: there is no capability `{name}`", field.path);
        let error = field.error(Code::ModelBadCapability, message, "no such capability");
        let plain = name.to_ascii_uppercase();
        let plain = plain.strip_prefix("CAP_").unwrap_or(&plain);
        let meant = KNOWN.into_iter().find(|name| *name == plain);
        field.report(
            error.help(match meant.or_else(|| nearest(plain, KNOWN)) {
                Some(better) => format!("did you mean `{better}`?"),
                None => {
                    "write a name such as `NET_BIND_SERVICE`, as the kernel has it without `CAP_`"
                        .to_owned()
                }
            }),
        );
    }
    let known = names
        .into_iter()
        .filter(|name| KNOWN.contains(&name.as_str()));
    known.collect()
}
