//! One name for a service, a job and a backing at once: it is a host name, so
//! all components share one space of names.

use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::View;
use crate::owners::COMPONENTS;

pub(super) fn duplicate_name(view: &View<'_>, found: &mut Diagnostics) {
    let mut taken: BTreeMap<&str, Path> = BTreeMap::new();
    for kind in COMPONENTS {
        let Some(all) = view.tree.get(&view.target.target, &Path::of([kind])) else {
            continue;
        };
        for (name, _) in all.fields() {
            let path = Path::of([kind, name]);
            let Some(first) = taken.get(name) else {
                taken.insert(name, path);
                continue;
            };
            let message = format!("`{first}` and `{path}` have the same name");
            let error = view.lines.error(
                Code::ModelDuplicateName,
                &path,
                message,
                "the same name again",
            );
            let error = view.lines.also(error, first, "taken here");
            found.push(error.help(format!("rename one of them: `{name}` is its host name")));
        }
    }
}
