//! A plan as text: one line for each operation, aligned, with its cause. The
//! sign at the front says what happens, so that colour never has to.

use std::fmt::Write;

use crate::{Action, Plan};

impl<W> Plan<W> {
    /// The plan for people. Ends with a line break.
    pub fn to_text(&self) -> String {
        let scope = &self.scope;
        if self.is_empty() {
            return format!(
                "{scope}: nothing to do, {} unchanged\n",
                objects(self.unchanged)
            );
        }
        let mut text = format!("{scope}: {}\n\n", self.summary());
        let width =
            |of: fn(&crate::Operation) -> usize| self.operations().map(of).max().unwrap_or(0);
        let action = width(|operation| operation.action.as_str().len());
        let kind = width(|operation| operation.kind.chars().count());
        let name = width(|operation| operation.name.chars().count());
        for operation in self.operations() {
            let sign = match operation.action {
                Action::Create => "+",
                Action::Update => "~",
                Action::Replace => "±",
                Action::Delete => "-",
                Action::Run => ">",
            };
            let team = operation
                .team
                .as_ref()
                .map(|team| format!(" [{team}]"))
                .unwrap_or_default();
            let data = if operation.destroys_data {
                " (its data is lost)"
            } else {
                ""
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  {sign} {:action$} {:kind$}  {:name$}  {}{data}{team}",
                operation.action.as_str(),
                operation.kind,
                operation.name,
                operation.cause,
            );
        }
        text
    }

    /// Such as `2 to create, 1 to replace, 3 objects unchanged`.
    pub fn summary(&self) -> String {
        let actions = [
            Action::Create,
            Action::Update,
            Action::Replace,
            Action::Run,
            Action::Delete,
        ];
        let mut parts = Vec::new();
        for action in actions {
            let count = self
                .operations()
                .filter(|operation| operation.action == action)
                .count();
            if count > 0 {
                parts.push(format!("{count} to {}", action.as_str()));
            }
        }
        parts.push(format!("{} unchanged", objects(self.unchanged)));
        parts.join(", ")
    }
}

fn objects(count: usize) -> String {
    if count == 1 {
        "1 object".to_owned()
    } else {
        format!("{count} objects")
    }
}
