//! What is wrong with a fragment before anything is evaluated: its syntax, its
//! package clause, its imports, its attributes.

use kcc_diag::{Code, Diagnostic};

use super::{Mistake, messages::parsed_in_words};

impl Mistake<'_> {
    pub(super) fn syntax(&self) -> Diagnostic {
        let said = self.arg("message");
        let message = match parsed_in_words(said) {
            Some(words) => format!("{} is not CUE: {words}", self.file_name()),
            None => format!("{} is not CUE", self.file_name()),
        };
        if let Some(help) = self.habit() {
            return self.error(Code::LoadSyntax, message, "here").help(help);
        }
        let help = if said.contains("never closed") {
            "write the bracket that closes it"
        } else if said.contains("not terminated") || said.contains("not closed") {
            "close the text with the quotes that it begins with"
        } else if said.contains("missing ','") {
            "write `:` behind the name of a field, and `,` between fields of one line"
        } else if said.contains("expected operand") || said.contains("expected expression") {
            "write a value here"
        } else if said.contains("expected label") || said.contains("expected ':'") {
            "write a field as `name: value`"
        } else {
            "correct this line; all other fields of the file are checked as usual"
        };
        self.error(Code::LoadSyntax, message, "here").help(help)
    }

    /// What to write where the line is a habit of another language.
    fn habit(&self) -> Option<String> {
        let span = self.lines.first()?.span;
        let text = self.words.files.get(span.file)?.text();
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
        // What it says may be nothing for a log.
        if line.starts_with("- ") {
            return Some("write a list in brackets, as in `[\"a\", \"b\"]`".to_owned());
        }
        if line.ends_with(';') {
            return Some("leave the `;` out: a line ends a field".to_owned());
        }
        // `web-app: …`: CUE reads a subtraction.
        let (names, _) = line.rsplit_once(':')?;
        let dashed = names
            .split(':')
            .map(|name| name.trim().trim_start_matches('{').trim())
            .find(|name| is_dashed(name))?;
        Some(format!("put the name in quotes: `\"{dashed}\": …`"))
    }

    pub(super) fn package_clause(&self) -> Diagnostic {
        let (expected, actual) = (self.arg("expected"), self.arg("actual"));
        let file = self.file_name();
        let (message, label) = if actual.is_empty() {
            (
                format!("{file} has no package clause"),
                "begins without one".to_owned(),
            )
        } else {
            (
                format!("{file} has to be in package `{expected}`, not in `{actual}`"),
                format!("package `{actual}`"),
            )
        };
        let mut error = self.error(Code::LoadPackageClause, message, label);
        if let Some(other) = self.lines.get(1) {
            error = error.secondary(other.span, "the package of all fragments");
        }
        let place = if actual.is_empty() {
            " in the first line"
        } else {
            ""
        };
        error.help(if actual.is_empty() {
            format!("write `package {expected}`{place}")
        } else {
            format!("write `package {expected}`, or import `{actual}` where it is used")
        })
    }

    pub(super) fn attribute(&self) -> Diagnostic {
        let name = self.arg("name");
        let help = match name {
            "if" => "write what differs under `on: TARGET: …`, or `if target == \"…\" {…}`",
            "ignore" => "remove the file, or give it a name that does not end in `.cue`",
            "tag" => "use `target`, which is the name of the target that is evaluated",
            "embed" => "write `files: \"/path/inside\": source: \"name-of-the-file\"`",
            "default" => "write the value under `defaults`, in the same shape",
            _ => "remove it",
        };
        let message = format!("`@{name}` means nothing in a fragment");
        self.error(Code::LoadAttribute, message, "kcc does not follow it")
            .help(help)
    }

    pub(super) fn import(&self) -> Diagnostic {
        let path = self.arg("path");
        let (message, label, help) = match self.arg("reason") {
            "tool" => (
                format!("`{path}` cannot be imported: fragments run no commands and read no files"),
                "a package for commands",
                "remove the import".to_owned(),
            ),
            "unused" if !self.arg("name").is_empty() => {
                let name = self.arg("name");
                (
                    format!("`{path}` is imported and not used: `{name}` means a field here"),
                    "nothing uses it",
                    format!(
                        "give it a name that no field around its use has: `import {name}s \"{path}\"`"
                    ),
                )
            }
            "unused" => (
                format!("`{path}` is imported and not used"),
                "nothing uses it",
                "remove the import".to_owned(),
            ),
            "duplicate" => (
                format!("`{path}` has the name of another import"),
                "the same name again",
                "remove one of the two, or give it another name: `import other \"…\"`".to_owned(),
            ),
            "cycle" => return self.import_cycle(path),
            reason => self.missing_package(path, reason),
        };
        self.error(Code::LoadImport, message, label).help(help)
    }

    fn import_cycle(&self, path: &str) -> Diagnostic {
        let message = format!("`{path}` imports itself by way of other packages");
        let mut error = self.error(Code::LoadImport, message, "leads back to it");
        for line in self.lines.iter().skip(1) {
            error = error.secondary(line.span, "by way of this import");
        }
        error.help("move what both need into a package of its own")
    }

    /// Why an import leads to no package: message, label and help.
    fn missing_package(&self, path: &str, reason: &str) -> (String, &'static str, String) {
        let name = self.arg("name");
        let known = self.fault.list("candidates");
        let cannot = |why: &str| format!("`{path}` cannot be imported: {why}");
        let near = known.first().map(|near| format!("did you mean `{near}`?"));
        match reason {
            "no-module" => (
                cannot("no `cue.mod/module.cue` names a module"),
                "from elsewhere",
                "put what all teams share into a file beside `kcc.cue`: it needs no import"
                    .to_owned(),
            ),
            "elsewhere" => (
                cannot("it is neither below the system's root nor under `cue.mod`"),
                "from elsewhere",
                near.unwrap_or_else(|| {
                    let folder = path.split([':', '@']).next().unwrap_or(path);
                    format!("put the package into `cue.mod/pkg/{folder}`")
                }),
            ),
            "folder" => (
                format!("there is no package `{path}`"),
                "no such folder",
                near.unwrap_or_else(|| format!("put the package into the folder `{name}`")),
            ),
            "package" => (
                format!("there is no package `{name}` in the folder of `{path}`"),
                "no file has that package clause",
                other_packages(path, &known),
            ),
            "unnamed" => (
                cannot("it does not say the name of the package"),
                "its last part is no name",
                other_packages(path, &known),
            ),
            "ambiguous" => (
                format!("there are two packages `{path}`"),
                "one below the root, one under `cue.mod`",
                format!("remove one of `{name}`"),
            ),
            "outside" => (
                cannot(&format!("`{name}` leads out of the system's folder")),
                "out of the system",
                format!("put the package itself into `{name}`"),
            ),
            "fragments" => (
                cannot("it is the package of all fragments"),
                "what it has is known here",
                "remove the import, and write the names without it".to_owned(),
            ),
            _ => (
                format!("there is no package `{path}`"),
                "no such package",
                "import a package of CUE's standard library, such as `strings` or `list`"
                    .to_owned(),
            ),
        }
    }

    pub(super) fn file_name(&self) -> String {
        let file = self
            .lines
            .first()
            .and_then(|line| self.words.files.get(line.span.file));
        file.map_or_else(
            || "a fragment".to_owned(),
            |file| format!("`{}`", file.name()),
        )
    }
}

/// Whether a name of a field needs quotes because of the `-` in it.
fn is_dashed(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.contains('-')
        && name.chars().all(word)
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// The packages that a folder has instead.
fn other_packages(path: &str, known: &[&str]) -> String {
    let folder = path.rsplit_once(':').map_or(path, |(folder, _)| folder);
    match known {
        [] => "write a package clause into its files".to_owned(),
        [one] => format!("write `{folder}:{one}`"),
        [first, ..] => format!(
            "write which one is meant of {}, such as `{folder}:{first}`",
            kcc_diag::listed(known)
        ),
    }
}
