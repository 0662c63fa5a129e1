//! The output of a check without errors.

use crate::{checked::Checked, context::Context, editor, printer::Stdout, summary::counted};

/// Prints the result of a check without errors.
pub(super) fn report(context: &Context, checked: &Checked) {
    context
        .printer
        .diagnosis(&checked.diagnosis, Stdout::Diagnostics);
    summarise(context, checked);
    if checked.has_old_schema {
        context.printer.note(&format!(
            "`{}` is from another version of kcc; `kcc init --update` renews it",
            editor::SCHEMA
        ));
    }
}

/// Prints a line that says what was checked.
pub(super) fn summarise(context: &Context, checked: &Checked) {
    let warnings = checked.diagnosis.diagnostics.iter().count();
    context.printer.note(&format!(
        "checked {} of {} for {}: {}",
        counted(checked.components, "component"),
        counted(checked.teams, "team"),
        checked.targets.join(", "),
        if warnings == 0 {
            "no errors".to_owned()
        } else {
            format!("no errors, {}", counted(warnings, "warning"))
        },
    ));
}
