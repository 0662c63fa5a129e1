//! Reports references to undeclared secrets.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::view::View;
use crate::build::{is_label, secret_references};
use kcc_diag::nearest;

pub(super) fn unknown_secret(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let declared: BTreeSet<String> = view
        .reporter
        .field_names(&Path::of(["secrets"]))
        .into_iter()
        .collect();
    let mut reported = BTreeSet::new();
    for component in view.target.components.values() {
        for (name, path) in secret_references(component) {
            let known = view.target.secrets.contains_key(&name) || declared.contains(&name);
            // A variable from an output is reported at the backing that declares it.
            let own = view.reporter.is_declared(&path);
            if known || !own || !is_label(&name) || !reported.insert((path.clone(), name.clone())) {
                continue;
            }
            let message = format!(
                "`{}` refers to secret `{name}`, which is not declared",
                component.path
            );
            let error =
                view.reporter
                    .error(Code::CheckUnknownSecret, &path, message, "no such secret");
            let help = match nearest(&name, declared.iter().map(String::as_str)) {
                Some(better) => format!("did you mean `{better}`?"),
                None => format!("declare it: `secrets: {name:?}: {{}}`"),
            };
            diagnostics.push(error.missing(name).help(help));
        }
    }
}
