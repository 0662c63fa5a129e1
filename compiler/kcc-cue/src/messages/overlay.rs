//! Messages about `on: TARGET` and misplaced root fields.

use kcc_diag::{Code, Diagnostic};
use kcc_tree::Path;

use super::mistake::{Mistake, intended, join_names};
use crate::wire::OverlayProblem;

impl Mistake<'_> {
    pub(super) fn overlay(&self, problem: &OverlayProblem) -> Diagnostic {
        let (message, label, help) = match problem {
            OverlayProblem::OverlayTarget { name, candidates } => {
                let path = Path::of(["on", name]);
                return self.unknown_target(name, candidates).at(path);
            }
            OverlayProblem::OverlayReference { name, selects } => (
                format!("cannot refer to `{name}`"),
                "reference".to_owned(),
                match name.as_str() {
                    "on" if !selects => "write `true`, or `\"on\"` if it is a string",
                    _ => "refer to the field itself, which has the value of the evaluated target",
                },
            ),
            OverlayProblem::NestedBlock { name } => (
                format!("`{name}` is not allowed here"),
                format!("`{name}` inside another block"),
                "move it to the first level of the file",
            ),
            OverlayProblem::MisplacedSystem {} if self.is_another_system() => (
                format!(
                    "{} declares another system inside this one",
                    self.file_name()
                ),
                "another system".to_owned(),
                "move its directory out of this system, or rename it to begin with `_`",
            ),
            OverlayProblem::MisplacedSystem {} => (
                "`system` is only allowed in `kcc.cue`, at the first level".to_owned(),
                "misplaced".to_owned(),
                "move it to `kcc.cue`",
            ),
            OverlayProblem::IndirectField { name } => (
                format!("`{name}` must be written at the first level of a file"),
                "comes in through a reference".to_owned(),
                match name.as_str() {
                    "system" => "write `system: …` directly in `kcc.cue`",
                    _ => "write the field directly at the first level of the file",
                },
            ),
            OverlayProblem::ShadowedTarget { name } => (
                format!("`{name}` is shadowed here and does not refer to the evaluated target"),
                "refers to a closer declaration".to_owned(),
                "rename the closer declaration, or quote its name",
            ),
            OverlayProblem::MalformedOverlay {} => (
                "`on` may only contain targets by their names".to_owned(),
                "not a plain target name".to_owned(),
                "write `on: dev: {…}`, with a plain target name",
            ),
        };
        self.error(Code::EvalOverlay, message, label).help(help)
    }

    /// Returns whether the line is in a `kcc.cue` other than the system's own.
    fn is_another_system(&self) -> bool {
        let file = self
            .lines
            .first()
            .and_then(|line| self.files.get(line.span.file));
        file.is_some_and(|file| file.name().ends_with("/kcc.cue"))
    }

    /// A comparison of `target` with something that is not a target.
    pub(super) fn target_comparison(
        &self,
        name: &str,
        candidates: &[String],
        differs: bool,
    ) -> Diagnostic {
        let mut warning = self.unknown_target(name, candidates);
        let result = if differs {
            "always true"
        } else {
            "always false"
        };
        warning.message = format!("{}: this is {result}", warning.message);
        warning
    }

    /// A target that the system does not have.
    pub(super) fn unknown_target(&self, name: &str, targets: &[String]) -> Diagnostic {
        let help = match intended(name, targets) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the targets are {}", join_names(targets, "and")),
        };
        let message = format!("there is no target `{name}`");
        self.error(Code::CheckUnknownTarget, message, "no such target")
            .help(help)
    }
}
