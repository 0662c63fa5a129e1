//! Names that mean nothing here.

use kcc_diag::{Code, Diagnostic, listed};

use super::Mistake;

impl Mistake<'_> {
    pub(super) fn unknown_name(&self) -> Diagnostic {
        let name = self.arg("name");
        if self.arg("kind") == "field" {
            return self.unknown_reference(name);
        }
        let yes = ["yes", "on", "True", "TRUE"].contains(&name);
        let no = ["no", "off", "False", "FALSE"].contains(&name);
        let help = match (self.arg("import"), self.nearest(name)) {
            _ if yes || no => format!("write `{yes}`, or `\"{name}\"` if it is text"),
            ("", Some(near)) => format!("did you mean `{near}`?"),
            ("", None) if name.starts_with(['_', '#']) => {
                format!("define it at the first level of a file: `{name}: …`")
            }
            ("", None) if self.is_interpolated() => {
                format!("add `let {name} = \"…\"` to this file")
            }
            ("", None) => {
                format!(
                    "put it in quotes if it is text: `\"{name}\"`; else add `let {name} = …` to this file"
                )
            }
            (package, _) => format!("write `import \"{package}\"` below the package clause"),
        };
        let message = format!("`{name}` is not defined");
        self.error(Code::EvalUnknownName, message, "no such name")
            .help(help)
    }

    /// Whether the name is a part of a text, as in `"web:\(version)"`.
    fn is_interpolated(&self) -> bool {
        let before = self.lines.first().and_then(|line| {
            let file = self.words.files.get(line.span.file)?;
            file.text().get(..line.span.start as usize)
        });
        before.is_some_and(|before| before.trim_end().ends_with("\\("))
    }

    /// A reference into something that does not have the field.
    fn unknown_reference(&self, name: &str) -> Diagnostic {
        let within = self.arg("in");
        let known = self.fault.list("candidates");
        let message = format!("`{within}` has no `{name}`");
        let error = self.error(Code::EvalUnknownName, message, "refers to nothing");
        error.help(match self.nearest(name) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("write the value, or give `{within}` a `{name}`"),
            None => format!("`{within}` has {}", listed(&known)),
        })
    }

    pub(super) fn private_name(&self) -> Diagnostic {
        let (name, team) = (self.arg("name"), self.arg("team"));
        let message = format!("`{name}` belongs to `{team}` alone");
        let user = self.lines.first().and_then(|line| self.who(line.span));
        let label = match user {
            Some(user) => format!("{user} does not see it"),
            None => "not seen here".to_owned(),
        };
        let mut error = self.error(Code::EvalPrivateName, message, label);
        for line in self.lines.iter().skip(1) {
            let definer = self.who(line.span).unwrap_or_else(|| format!("`{team}`"));
            error = error.secondary(line.span, format!("{definer} defines it for itself"));
        }
        error.help(format!(
            "define a `{name}` of your own, or move it into a file beside `kcc.cue`, where all teams see it"
        ))
    }
}
