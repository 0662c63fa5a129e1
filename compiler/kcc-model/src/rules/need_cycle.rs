//! Reports dependency cycles, whose components could never start.

use kcc_diag::{Code, Diagnostic, Diagnostics};

use super::view::View;
use crate::graph::NeedGraph;

pub(super) fn need_cycle(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for cycle in NeedGraph::of(view.target).cycles() {
        let edges = || cycle.iter().zip(cycle.iter().cycle().skip(1));
        let message = match &cycle[..] {
            [only] => format!("`{only}` needs itself"),
            [first, ..] => {
                let names: Vec<_> = cycle
                    .iter()
                    .chain([first])
                    .map(|name| format!("`{name}`"))
                    .collect();
                format!("dependency cycle: {}", names.join(" → "))
            }
            [] => continue,
        };
        let mut error =
            Diagnostic::error(Code::CheckNeedCycle, message).target(&view.target.target);
        for (at, (from, to)) in edges().enumerate() {
            let Some(component) = view.target.components.get(from) else {
                continue;
            };
            let path = component.path.join("needs").join(to);
            let text = format!("`{from}` of `{}` needs `{to}`", component.team);
            if at == 0 {
                error = error.at(&path);
            }
            // All lines that declare the need, since the cycle remains if one is left.
            for (other, span) in view.reporter.spans(&path).into_iter().enumerate() {
                error = if (at, other) == (0, 0) {
                    error.primary(span, &text)
                } else {
                    error.secondary(span, &text)
                };
            }
        }
        let help = if cycle.len() == 1 {
            "remove the need".to_owned()
        } else {
            format!(
                "make one of the needs optional, such as `needs: {:?}: optional: true` in `{}`",
                cycle[1], cycle[0]
            )
        };
        diagnostics.push(error.help(help));
    }
}
