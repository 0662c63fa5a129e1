//! Policies: those that are written wrongly, and those that are violated.

use kcc_diag::{Code, Diagnostic, field_label};
use kcc_tree::OriginKind;

use super::{Mistake, bounds};

impl Mistake<'_> {
    pub(super) fn bad_policy(&self) -> Diagnostic {
        let policy = self.arg("policy");
        let whose = if policy.is_empty() {
            "`policies`".into()
        } else {
            format!("policy `{policy}`")
        };
        let (message, label, help) = match self.arg("reason") {
            "unknown-target" => {
                let mut error = self.unknown_target(&format!("policies.{policy}.on"));
                error.code = Code::PolicyBadPolicy;
                error.message = format!(
                    "{whose} is for a target `{}` that does not exist",
                    self.arg("name")
                );
                return error;
            }
            "field" => {
                let path = self.arg("name");
                let (above, name) = path.rsplit_once('.').unwrap_or(("", path));
                let help = match self.nearest(name) {
                    Some(near) if above.is_empty() => format!("did you mean `{near}`?"),
                    Some(near) => format!("did you mean `{above}.{near}`?"),
                    None => "name a field that a component can have".to_owned(),
                };
                (
                    format!("{whose} is about `{path}`, which is no field of a system"),
                    "about nothing",
                    help,
                )
            }
            "undecided" => return self.undecided_policy(&whose),
            "closed" => (
                format!("{whose} allows no field but its own: it is a closed definition"),
                "closed",
                "end the definition that it refers to with `...`, or begin its name with `_`"
                    .to_owned(),
            ),
            "indirect" => (
                format!("{whose} comes into the root in a way that kcc cannot follow"),
                "a policy",
                "write it below `policies:` at the root, or embed a field that holds it".to_owned(),
            ),
            "message" => (
                format!("{whose} has no message"),
                "a text is expected",
                format!("say what the policy is for: `message: \"…\"` in `{policy}`"),
            ),
            "on" => (
                format!("`on` of {whose} is no list of targets"),
                "a list of names is expected",
                "write `on: [\"prod\"]`, or leave `on` out for all targets".to_owned(),
            ),
            "require" => (
                format!("{whose} requires nothing"),
                "`require` is missing",
                "add `require: {…}` in the shape of the root, such as \
                 `require: services: [string]: replicas: >=2`"
                    .to_owned(),
            ),
            _ => (
                format!("{whose} is not written as a policy"),
                "plain fields are expected",
                "write `policies: NAME: {message: \"…\", require: {…}}`, with names as they are"
                    .to_owned(),
            ),
        };
        self.error(Code::PolicyBadPolicy, message, label).help(help)
    }

    /// A policy without a result for something that it is about.
    fn undecided_policy(&self, whose: &str) -> Diagnostic {
        let (why, help) = if self.arg("kind") == "field" {
            let (within, name) = (self.arg("in"), self.arg("name"));
            let help = match self.nearest(name) {
                Some(near) => format!("write `{near}` for `{name}`"),
                None => {
                    format!("refer to a field that `{within}` has, or ask for it first with `if`")
                }
            };
            (Some(format!("`{within}` has no field `{name}`")), help)
        } else {
            let help = "refer to what always has a value, or ask first: `if … != _|_ {…}`";
            (self.reason(), help.to_owned())
        };
        let mut message = format!("{whose} cannot be evaluated");
        if let Some(why) = why {
            message = format!("{message}: {why}");
        }
        let label = if self.path.0.is_empty() {
            "has no result".to_owned()
        } else {
            format!("has no result for `{}`", self.path)
        };
        self.error(Code::PolicyBadPolicy, message, label).help(help)
    }

    /// A rule for a component that no target has.
    pub(super) fn no_match(&self) -> Diagnostic {
        let (policy, name) = (self.arg("policy"), self.arg("name"));
        let whose = if policy.is_empty() {
            "a default".to_owned()
        } else {
            format!("policy `{policy}`")
        };
        let message = format!("{whose} is about `{}`, which no target has", self.path);
        let help = match self.nearest(name) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("remove what is said of `{name}`, or add the component"),
        };
        self.error(Code::PolicyNoMatch, message, "matches nothing")
            .help(help)
    }

    pub(super) fn policy_violated(&self) -> Diagnostic {
        let (policy, reason) = (self.arg("policy"), self.arg("message"));
        let name = self.path.0.last().map_or("", String::as_str);
        // What to change is named by its path inside what is named already.
        let (who, inside) = match self.component() {
            Some((component, inside)) if !inside.0.is_empty() => (component, inside),
            Some((component, _)) => (component, self.path.clone()),
            None if self.path.0.is_empty() => ("the system".to_owned(), self.path.clone()),
            None => (format!("`{}`", self.path), self.path.clone()),
        };
        let mut message = format!("{who} violates policy `{policy}`");
        if !reason.is_empty() {
            // A message is one line, however the policy's is written.
            let reason: Vec<&str> = reason.split_whitespace().collect();
            message = format!("{message}: {}", reason.join(" ").trim_end_matches('.'));
        }
        let mut error = Diagnostic::error(Code::PolicyViolated, message);
        let (missing, forbidden) = (self.arg("missing"), self.arg("forbidden") == "true");
        let verb = if forbidden { "forbidden" } else { "required" };
        if self
            .lines
            .iter()
            .all(|line| line.kind == OriginKind::Constraint)
        {
            // Only kcc gave the value: who has the component can give another.
            error = self.with_owner(error, &format!("gives no `{name}` itself"));
        }
        for line in self
            .lines
            .iter()
            .filter(|line| line.kind != OriginKind::Schema)
        {
            let text = match (line.kind, self.who(line.span)) {
                (OriginKind::Constraint, Some(who)) => format!("{verb} by {who}"),
                (OriginKind::Constraint, None) => format!("{verb} by the policy"),
                (_, Some(who)) if forbidden => format!("{who} writes it"),
                (_, None) if forbidden => "written here".to_owned(),
                _ if !missing.is_empty() => format!("`{missing}` is missing"),
                // The component itself, where only kcc gave the value.
                (_, who)
                    if self.is_label(line.span) && self.words.files.text(line.span) != name =>
                {
                    let does = format!("gives no `{name}` itself");
                    who.map_or(does.clone(), |who| format!("{who} {does}"))
                }
                _ => {
                    error = self.with_lines(error, &[*line]);
                    continue;
                }
            };
            error = if error.labels.is_empty() {
                error.primary(line.span, text)
            } else {
                error.secondary(line.span, text)
            };
        }
        let expected = self.arg("expected");
        // Only kcc gave the value: nothing but a struct around it is written.
        let unwritten = self.lines.iter().all(|line| {
            let above = self.is_label(line.span) && self.words.files.text(line.span) != name;
            line.kind == OriginKind::Constraint || above
        });
        let example = bounds::example(expected);
        error.help(
            if unwritten && !expected.is_empty() && !example.contains('…') {
                format!("add `{}`", self.in_target(&example))
            } else if !missing.is_empty() {
                format!("add `{inside}`")
            } else if forbidden {
                format!("remove `{inside}`")
            } else if inside.0.is_empty() {
                "change what the policy is about so that it holds".to_owned()
            } else if expected.is_empty() {
                format!("change `{inside}` so that the policy holds")
            } else {
                format!("change `{inside}`: expected {}", bounds::plain(expected))
            },
        )
    }

    /// A value of the path as a fragment writes it: under `on` where the policy is
    /// for one target alone.
    fn in_target(&self, value: &str) -> String {
        let mut names: Vec<String> = self.path.0.iter().map(|name| field_label(name)).collect();
        if let [target] = self.fault.list("on").as_slice() {
            names.splice(0..0, ["on".to_owned(), field_label(target)]);
        }
        format!("{}: {value}", names.join(": "))
    }
}
