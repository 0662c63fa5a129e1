//! What is wrong with a fragment before anything is evaluated: its syntax, its
//! package clause, its imports, its attributes.

use kcc_diag::{Code, Diagnostic};

use super::Mistake;

impl Mistake<'_> {
    pub(super) fn syntax(&self) -> Diagnostic {
        let said = self.arg("message");
        let message = format!("{} is not CUE: {}", self.file_name(), tidy(said));
        let help = if said.contains("never closed") {
            "write the bracket that closes it"
        } else if said.contains("not terminated") || said.contains("not closed") {
            "close the text with the quotes that it begins with"
        } else if said.contains("missing ','") {
            "write `:` behind the name of a field, and each field on a line of its own"
        } else if said.contains("expected operand") || said.contains("expected expression") {
            "write a value here"
        } else if said.contains("expected label") || said.contains("expected ':'") {
            "write a field as `name: value`"
        } else {
            "correct this line; all other fields of the file are checked as usual"
        };
        self.error(Code::LoadSyntax, message, "here").help(help)
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
        error.help(format!("write `package {expected}`{place}"))
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
            "not-standard" => (
                format!("`{path}` cannot be imported: it is not of CUE's standard library"),
                "from elsewhere",
                "put what all teams share into a file beside `kcc.cue`: it needs no import"
                    .to_owned(),
            ),
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
            _ => (
                format!("there is no package `{path}`"),
                "no such package",
                match self.nearest(path) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        "import a package of CUE's standard library, such as `strings` or `list`"
                            .to_owned()
                    }
                },
            ),
        };
        self.error(Code::LoadImport, message, label).help(help)
    }

    fn file_name(&self) -> String {
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

/// The parser's words with backticks for its quotes, and none of its jargon.
fn tidy(message: &str) -> String {
    let text = message
        .replace("'EOF'", "the end of the file")
        .replace("found newline", "found the end of the line")
        .replace("newline", "the end of the line")
        .replace("operand", "a value")
        .replace("IDENT", "a name")
        .replace('\'', "`");
    text.trim_end_matches('.').to_owned()
}
