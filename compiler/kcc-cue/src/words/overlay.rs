//! `on: TARGET`, and root fields in places where they cannot stand.

use kcc_diag::{Code, Diagnostic};

use super::{Mistake, joined};

impl Mistake<'_> {
    pub(super) fn overlay(&self) -> Diagnostic {
        let name = self.arg("name");
        let (message, label, help) = match self.arg("reason") {
            "unknown-target" => return self.unknown_target(&format!("on.{name}")),
            "reference" => (
                format!("nothing may refer to `{name}`"),
                "refers to it".to_owned(),
                match name {
                    "on" if !self.selects() => "write `true`, or `\"on\"` if it is text",
                    _ => {
                        "refer to the field itself: it has the value of the target that is evaluated"
                    }
                },
            ),
            "nested" => (
                format!("`{name}` cannot stand here"),
                format!("`{name}` inside another block"),
                "move it to the first level of the file",
            ),
            "placement" if self.is_another_system() => (
                format!("{} makes another system below this one", self.file_name()),
                "another system".to_owned(),
                "move its folder out of this system, or give it a name that begins with `_`",
            ),
            "placement" => (
                "`system` stands in `kcc.cue` alone, at its first level".to_owned(),
                "not here".to_owned(),
                "move it to `kcc.cue`",
            ),
            "indirect" => (
                format!("`{name}` has to be written at the first level of a file"),
                "reaches the root through a reference".to_owned(),
                match name {
                    "system" => "write `system: …` itself in `kcc.cue`",
                    _ => "write the field itself at the first level of the file",
                },
            ),
            "shadowed" => (
                format!("`{name}` means a nearer name here, not the target that is evaluated"),
                "the nearer one is meant".to_owned(),
                "give the nearer one another name, or put its name in quotes",
            ),
            _ => (
                "`on` holds targets by their names and nothing else".to_owned(),
                "not the plain name of a target".to_owned(),
                "write `on: dev: {…}`, with the target's name as it is",
            ),
        };
        self.error(Code::EvalOverlay, message, label).help(help)
    }

    /// Whether the line stands in a `kcc.cue` that is not the system's own.
    fn is_another_system(&self) -> bool {
        let file = self
            .lines
            .first()
            .and_then(|line| self.words.files.get(line.span.file));
        file.is_some_and(|file| file.name().ends_with("/kcc.cue"))
    }

    /// Whether something inside of what the line refers to is meant.
    fn selects(&self) -> bool {
        let after = self.lines.first().and_then(|line| {
            let file = self.words.files.get(line.span.file)?;
            file.text().get(line.span.end as usize..)
        });
        after.is_some_and(|after| after.starts_with(['.', '[']))
    }

    /// `target` compared with what no target is called.
    pub(super) fn compared_target(&self) -> Diagnostic {
        let mut warning = self.unknown_target("");
        warning.path = None;
        let holds = if self.arg("differs") == "true" {
            "always"
        } else {
            "never"
        };
        warning.message = format!("{}: this {holds} holds", warning.message);
        warning
    }

    /// A target that the system does not have.
    pub(super) fn unknown_target(&self, path: &str) -> Diagnostic {
        let name = self.arg("name");
        let targets = self.fault.list("candidates");
        let help = match self.nearest(name) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the targets are {}", joined(&targets, "and")),
        };
        let message = format!("there is no target `{name}`");
        self.error(Code::CheckUnknownTarget, message, "no such target")
            .at(path)
            .help(help)
    }
}
