//! References to secrets that nobody declares.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::View;
use crate::build::{is_label, secret_references};
use kcc_diag::nearest;

pub(super) fn unknown_secret(view: &View<'_>, found: &mut Diagnostics) {
    let declared: BTreeSet<String> = view
        .lines
        .names_at(&Path::of(["secrets"]))
        .into_iter()
        .collect();
    let mut said = BTreeSet::new();
    for component in view.target.components.values() {
        for (name, path) in secret_references(component) {
            let known = view.target.secrets.contains_key(&name) || declared.contains(&name);
            // Environment from another's output: that other is told.
            let own = view.lines.written(&path);
            if known
                || view.lines.lost(&name)
                || !own
                || !is_label(&name)
                || !said.insert(path.clone())
            {
                continue;
            }
            let message = format!(
                "`{}` refers to secret `{name}`, which nobody declares",
                component.path
            );
            let error =
                view.lines
                    .error(Code::CheckUnknownSecret, &path, message, "no such secret");
            let help = match nearest(&name, declared.iter().map(String::as_str)) {
                Some(better) => format!("did you mean `{better}`?"),
                None => format!("declare it: `secrets: {name:?}: {{}}`"),
            };
            found.push(error.help(help));
        }
    }
}
