//! Messages about names that are not defined.

use kcc_diag::{Code, Diagnostic, listed};

use super::mistake::{Mistake, intended};
use crate::wire::Reference;

impl Mistake<'_> {
    pub(super) fn unknown_name(
        &self,
        name: &str,
        candidates: &[String],
        package: Option<&str>,
        interpolated: bool,
    ) -> Diagnostic {
        let yes = ["yes", "on", "True", "TRUE"].contains(&name);
        let no = ["no", "off", "False", "FALSE"].contains(&name);
        let help = match (package, intended(name, candidates)) {
            _ if yes || no => format!("write `{yes}`, or `\"{name}\"` if it is a string"),
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) if name.starts_with(['_', '#']) => {
                format!("define it at the first level of a file: `{name}: …`")
            }
            (None, None) if interpolated => {
                format!("add `let {name} = \"…\"` to this file")
            }
            (None, None) => {
                format!(
                    "quote it if it is a string: `\"{name}\"`; otherwise add `let {name} = …` to this file"
                )
            }
            (Some(package), _) => format!("write `import \"{package}\"` below the package clause"),
        };
        let message = format!("`{name}` is not defined");
        self.error(Code::EvalUnknownName, message, "no such name")
            .help(help)
    }

    /// A name that stands beside it as a key of a data map, which is not a name.
    pub(super) fn key_without_name(&self, name: &str, key: &str) -> Diagnostic {
        let map = key.rsplit('.').nth(1).unwrap_or_default();
        let message = format!("`{name}` is a key of `{map}`, which is data and not in scope");
        self.error(Code::EvalUnknownName, message, "no such name")
            .help(format!(
                "write `{key}`; if it is not meant to be data, move it out of `{map}`"
            ))
    }

    /// A reference to a field that does not exist.
    pub(super) fn unknown_reference(&self, reference: &Reference) -> Diagnostic {
        let Reference {
            name,
            within,
            candidates,
        } = reference;
        let message = format!("`{within}` has no `{name}`");
        let error = self.error(Code::EvalUnknownName, message, "no such field");
        error.help(match intended(name, candidates) {
            Some(near) => format!("did you mean `{near}`?"),
            None if candidates.is_empty() => {
                format!("write the value, or add `{name}` to `{within}`")
            }
            None => format!("`{within}` has {}", listed(candidates)),
        })
    }

    pub(super) fn private_name(&self, name: &str, team: &str) -> Diagnostic {
        let message = format!("`{name}` is private to `{team}`");
        let user = self.lines.first().and_then(|line| self.author(line.span));
        let label = match user {
            Some(user) => format!("not visible to {user}"),
            None => "not visible here".to_owned(),
        };
        let mut error = self.error(Code::EvalPrivateName, message, label);
        for line in self.lines.iter().skip(1) {
            let definer = self
                .author(line.span)
                .unwrap_or_else(|| format!("`{team}`"));
            error = error.secondary(line.span, format!("defined by {definer}"));
        }
        error.help(format!(
            "define your own `{name}`, or move it to a file next to `kcc.cue`, where all teams see it"
        ))
    }
}
