//! Reports host names that two components have as an alias.

use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::view::View;

pub(super) fn duplicate_alias(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<&str, Path> = BTreeMap::new();
    for component in view.target.components.values() {
        for (at, alias) in component.aliases.iter().enumerate() {
            let path = component.path.join("aliases").join(at.to_string());
            let Some(first) = taken.get(alias.as_str()) else {
                taken.insert(alias, path);
                continue;
            };
            let owner = Path(first.0.iter().take(2).cloned().collect());
            let message = format!("`{owner}` and `{}` have the same alias", component.path);
            let error =
                view.reporter
                    .error(Code::ModelDuplicateName, &path, message, "duplicate name");
            let error = view.reporter.add_label(error, first, "first used here");
            diagnostics.push(error.help("rename or remove one of the two"));
        }
    }
}
