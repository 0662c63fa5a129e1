//! Reports components of different kinds with the same name: the name is a host
//! name, so all components share one namespace.

use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::view::View;
use kcc_tree::schema::component_fields;

pub(super) fn duplicate_name(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<&str, Path> = BTreeMap::new();
    for kind in component_fields().iter().copied() {
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
            let error =
                view.reporter
                    .error(Code::ModelDuplicateName, &path, message, "duplicate name");
            let error = view.reporter.add_label(error, first, "first used here");
            diagnostics.push(error.help(format!(
                "rename one of them: `{name}` is also the host name"
            )));
        }
    }
}
