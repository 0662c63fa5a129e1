//! Messages about what is wrong before the evaluation: syntax, package clauses, imports and
//! attributes.

use kcc_diag::{Code, Diagnostic};

use super::{cue_messages::translate_syntax, mistake::Mistake};
use crate::wire::{Absence, ImportProblem};

impl Mistake<'_> {
    pub(super) fn syntax(&self, reason: &str) -> Diagnostic {
        let message = match translate_syntax(reason) {
            Some(translation) => format!("invalid CUE in {}: {translation}", self.file_name()),
            None => format!("invalid CUE in {}", self.file_name()),
        };
        if let Some(help) = self.foreign_syntax() {
            return self.error(Code::LoadSyntax, message, "here").help(help);
        }
        let help = if reason.contains("never closed") {
            "add the closing bracket"
        } else if reason.contains("not terminated") || reason.contains("not closed") {
            "close the string with the quotes it begins with"
        } else if reason.contains("missing ','") {
            "write `:` after the name of a field, and `,` between fields on one line"
        } else if reason.contains("expected operand") || reason.contains("expected expression") {
            "write a value here"
        } else if reason.contains("expected label") || reason.contains("expected ':'") {
            "write a field as `name: value`"
        } else {
            "correct this line; the other fields of the file are checked as usual"
        };
        self.error(Code::LoadSyntax, message, "here").help(help)
    }

    /// Returns what to write for a construct of another language.
    fn foreign_syntax(&self) -> Option<String> {
        let span = self.lines.first()?.span;
        let text = self.files.get(span.file)?.text();
        let at = usize::try_from(span.start).ok()?;
        let line = &text[text.get(..at)?.rfind('\n').map_or(0, |end| end + 1)..];
        let line = line.lines().next().unwrap_or_default().trim();
        if line.starts_with("# ") || line.starts_with('#') && !line.contains(':') {
            return Some("begin a comment with `//`".to_owned());
        }
        if let Some(name) = line.strip_prefix("package ") {
            let name = name.split_whitespace().next().unwrap_or_default();
            let name: String = name
                .chars()
                .filter(|c| *c != '"')
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
                .collect();
            return Some(format!("write `package {name}`, as in `kcc.cue`"));
        }
        // The item is not repeated: it may be secret.
        if line.starts_with("- ") {
            return Some("write a list in brackets, as in `[\"a\", \"b\"]`".to_owned());
        }
        if line.ends_with(';') {
            return Some("remove the `;`: a field ends with its line".to_owned());
        }
        // CUE parses `web-app: …` as a subtraction.
        let (names, _) = line.rsplit_once(':')?;
        let dashed = names
            .split(':')
            .map(|name| name.trim().trim_start_matches('{').trim())
            .find(|name| is_dashed(name))?;
        Some(format!("quote the name: `\"{dashed}\": …`"))
    }

    pub(super) fn package_clause(&self, expected: &str, actual: Option<&str>) -> Diagnostic {
        let file = self.file_name();
        let (message, label, help) = match actual {
            None => (
                format!("{file} has no package clause"),
                "missing package clause".to_owned(),
                format!("write `package {expected}` in the first line"),
            ),
            Some(actual) => (
                format!("{file} must be in package `{expected}`, not in `{actual}`"),
                format!("package `{actual}`"),
                format!("write `package {expected}`, or import `{actual}` where it is used"),
            ),
        };
        let mut error = self.error(Code::LoadPackageClause, message, label);
        if let Some(other) = self.lines.get(1) {
            error = error.secondary(other.span, "the package of all fragments");
        }
        error.help(help)
    }

    pub(super) fn attribute(&self, name: &str) -> Diagnostic {
        let help = match name {
            "if" => "write what differs under `on: TARGET: …` or in `if target == \"…\" {…}`",
            "ignore" => "remove the file, or rename it so that it does not end in `.cue`",
            "tag" => "use `target`, the name of the evaluated target",
            "embed" => "write `files: \"/path/inside\": source: \"name-of-the-file\"`",
            "default" => "write the value under `defaults`, at the same path",
            _ => "remove it",
        };
        let message = format!("`@{name}` is not supported in a fragment");
        self.error(Code::LoadAttribute, message, "unsupported attribute")
            .help(help)
    }

    pub(super) fn import(&self, path: &str, problem: &ImportProblem) -> Diagnostic {
        let (message, label, help) = match problem {
            ImportProblem::ToolImport {} => (
                format!("cannot import `{path}`: fragments cannot run commands or read files"),
                "a tool package",
                "remove the import".to_owned(),
            ),
            ImportProblem::UnusedImport {
                shadowed: Some(name),
            } => (
                format!("`{path}` is imported but not used: `{name}` refers to a field here"),
                "unused",
                format!("rename it so that no field shadows it: `import {name}s \"{path}\"`"),
            ),
            ImportProblem::UnusedImport { shadowed: None } => (
                format!("`{path}` is imported but not used"),
                "unused",
                "remove the import".to_owned(),
            ),
            ImportProblem::DuplicateImport {} => (
                format!("`{path}` has the same name as another import"),
                "duplicate name",
                "remove one of the two, or rename it: `import other \"…\"`".to_owned(),
            ),
            ImportProblem::CyclicImport {} => return self.import_cycle(path),
            ImportProblem::AbsentPackage {
                reason,
                candidates,
                name,
            } => absent_package(path, *reason, candidates, name),
        };
        self.error(Code::LoadImport, message, label).help(help)
    }

    fn import_cycle(&self, path: &str) -> Diagnostic {
        let message = format!("`{path}` imports itself through other packages");
        let mut error = self.error(Code::LoadImport, message, "refers back to it");
        for line in self.lines.iter().skip(1) {
            error = error.secondary(line.span, "through this import");
        }
        error.help("move the shared definitions to a package of their own")
    }

    pub(super) fn file_name(&self) -> String {
        let file = self
            .lines
            .first()
            .and_then(|line| self.files.get(line.span.file));
        file.map_or_else(
            || "a fragment".to_owned(),
            |file| format!("`{}`", file.name()),
        )
    }
}

/// Describes why an import resolves to no package: message, label and help.
fn absent_package(
    path: &str,
    reason: Absence,
    known: &[String],
    name: &str,
) -> (String, &'static str, String) {
    let cannot = |why: &str| format!("cannot import `{path}`: {why}");
    let near = known.first().map(|near| format!("did you mean `{near}`?"));
    match reason {
        Absence::NoModule => (
            cannot("`cue.mod/module.cue` is missing"),
            "outside the system",
            "move shared definitions to a file next to `kcc.cue`, which needs no import".to_owned(),
        ),
        Absence::Elsewhere => (
            cannot("not found below the system's root or in `cue.mod`"),
            "outside the system",
            near.unwrap_or_else(|| {
                let directory = path.split([':', '@']).next().unwrap_or(path);
                format!("put the package in `cue.mod/pkg/{directory}`")
            }),
        ),
        Absence::Folder => (
            format!("package `{path}` does not exist"),
            "no such directory",
            near.unwrap_or_else(|| format!("put the package in the directory `{name}`")),
        ),
        Absence::Package => (
            format!("the directory of `{path}` has no package `{name}`"),
            "no file has this package clause",
            other_packages(path, known),
        ),
        Absence::Unnamed => (
            cannot("the path does not contain a package name"),
            "the last part is not a package name",
            other_packages(path, known),
        ),
        Absence::Ambiguous => (
            format!("package `{path}` is ambiguous"),
            "below the root and in `cue.mod`",
            format!("remove one of `{name}`"),
        ),
        Absence::Outside => (
            cannot(&format!("`{name}` is outside the system's directory")),
            "outside the system",
            format!("put the package itself in `{name}`"),
        ),
        Absence::Fragments => (
            cannot("it is the package of the fragments"),
            "the fragments' own package",
            "remove the import, and use the names without it".to_owned(),
        ),
        Absence::Unknown => (
            format!("package `{path}` does not exist"),
            "no such package",
            "import a package of CUE's standard library, such as `strings` or `list`".to_owned(),
        ),
    }
}

/// Returns whether a field's name needs quotes because it contains `-`.
fn is_dashed(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.contains('-')
        && name.chars().all(word)
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// Suggests another package of a directory.
fn other_packages(path: &str, known: &[String]) -> String {
    let directory = path.rsplit_once(':').map_or(path, |(folder, _)| folder);
    match known {
        [] => "add a package clause to its files".to_owned(),
        [one] => format!("write `{directory}:{one}`"),
        [first, ..] => format!(
            "choose one of {}, such as `{directory}:{first}`",
            kcc_diag::listed(known)
        ),
    }
}
