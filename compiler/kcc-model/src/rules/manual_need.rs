//! Needs on components that no apply starts: the needing component would wait for
//! something that does not come.

use kcc_diag::{Code, Diagnostics};

use super::view::View;

/// Reports them, unless they are optional or the needing component is itself started
/// by hand, which starts what it needs.
pub(super) fn manual_need(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for component in view.target.components.values() {
        for (name, need) in &component.needs {
            let needed = view.target.components.get(name);
            let waits = !need.optional && !component.manual;
            if !waits || !needed.is_some_and(|needed| needed.manual) {
                continue;
            }
            let path = component.path.join("needs").join(name);
            let message = format!(
                "`{}` needs `{name}`, which no apply starts (`start: \"manual\"`)",
                component.path
            );
            let help = format!(
                "write `needs: {name:?}: optional: true`, or `start: \"manual\"` for `{}` too",
                component.name
            );
            let error = view
                .reporter
                .error(Code::CheckManualNeed, &path, message, "needed here");
            diagnostics.push(error.help(help));
        }
    }
}
