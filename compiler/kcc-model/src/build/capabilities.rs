//! Decodes lists of Linux capabilities, named as in the kernel without `CAP_`.

use std::collections::BTreeSet;

use kcc_diag::{Code, nearest};

use super::Cursor;

/// The kernel's capabilities, and `ALL` for all of them.
const CAPABILITIES: [&str; 42] = [
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

/// Decodes `capabilities` into the added and the dropped ones.
pub(crate) fn decode(node: &Cursor<'_>) -> (Vec<String>, Vec<String>) {
    let (added, dropped) = (list(node, "add"), list(node, "drop"));
    for name in dropped.intersection(&added) {
        let field = node.path.join("add");
        let message = format!("`{}` adds and drops `{name}`", node.path);
        let error = node
            .reporter
            .error(Code::ModelBadCapability, &field, message, "added");
        let error = node
            .reporter
            .add_label(error, &node.path.join("drop"), "dropped");
        node.report(error.help(format!("keep `{name}` in one of the two lists")));
    }
    (added.into_iter().collect(), dropped.into_iter().collect())
}

fn list(node: &Cursor<'_>, field: &str) -> BTreeSet<String> {
    node.child(field)
        .map(|field| decode_list(&field))
        .unwrap_or_default()
}

/// Decodes a list of capabilities; reports names that the kernel does not know.
pub(crate) fn decode_list(field: &Cursor<'_>) -> BTreeSet<String> {
    let names = field.text_list().unwrap_or_default();
    for name in &names {
        if CAPABILITIES.contains(&name.as_str()) {
            continue;
        }
        let message = format!("`{}`: unknown capability `{name}`", field.path);
        let error = field.error(Code::ModelBadCapability, message, "no such capability");
        let plain = name.to_ascii_uppercase();
        let plain = plain.strip_prefix("CAP_").unwrap_or(&plain);
        let exact = CAPABILITIES.into_iter().find(|name| *name == plain);
        field.report(
            error.help(match exact.or_else(|| nearest(plain, CAPABILITIES)) {
                Some(better) => format!("did you mean `{better}`?"),
                None => "write a kernel capability without `CAP_`, such as `NET_BIND_SERVICE`"
                    .to_owned(),
            }),
        );
    }
    let known = names
        .into_iter()
        .filter(|name| CAPABILITIES.contains(&name.as_str()));
    known.collect()
}
