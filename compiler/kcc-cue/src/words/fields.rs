//! Fields that do not exist, are missing, or are refused by a definition.

use std::collections::BTreeSet;

use kcc_diag::{Code, Diagnostic, field_label as label, listed};
use kcc_tree::OriginKind;

use super::{Line, Mistake, bounds, joined};
use crate::wire::Fault;

/// What other tools call a field, what it is called here, and what to write.
const ELSEWHERE: [(&str, &str, &str); 57] = [
    ("activeDeadlineSeconds", "deadline", "deadline"),
    ("affinity", "placement", "placement"),
    ("autoscaling", "scale", "scale"),
    ("backoffLimit", "retries", "retries"),
    ("cap_add", "security", "security: capabilities: add"),
    ("cmd", "command", "command"),
    ("configs", "volumes", "volumes: NAME: config"),
    ("containerPort", "number", "number"),
    ("containerPort", "port", "port"),
    ("cpu", "resources", "resources: cpu"),
    ("cpus", "resources", "resources: limits: cpu"),
    ("cron_jobs", "cronJobs", "cronJobs"),
    ("daemonSet", "everyNode", "everyNode: true"),
    ("daemonset", "everyNode", "everyNode: true"),
    ("databases", "backing", "backing"),
    ("delay", "readiness", "readiness: delay"),
    ("initialDelaySeconds", "delay", "delay"),
    ("depends_on", "needs", "needs"),
    ("dependsOn", "needs", "needs"),
    ("entrypoint", "command", "command"),
    ("env_file", "env", "env"),
    ("envFrom", "env", "env"),
    ("environment", "env", "env"),
    ("expose", "ports", "ports: http: expose"),
    ("healthCheck", "health", "health"),
    ("healthcheck", "health", "health"),
    ("hosts", "routes", "routes"),
    ("image", "version", "version"),
    ("ingress", "routes", "routes"),
    ("initContainers", "init", "init"),
    ("interval", "period", "period"),
    ("interval", "readiness", "readiness: period"),
    ("limits", "resources", "resources: limits"),
    ("livenessProbe", "health", "health: liveness"),
    ("mem", "memory", "memory"),
    ("mem_limit", "resources", "resources: limits: memory"),
    ("memory", "resources", "resources: memory"),
    ("mounts", "volumes", "volumes"),
    ("networks", "needs", "needs"),
    ("nodeSelector", "placement", "placement: nodes"),
    ("privileged", "security", "security: privileged"),
    ("readinessProbe", "health", "health: readiness"),
    ("readOnlyRootFilesystem", "readOnlyRoot", "readOnlyRoot"),
    ("requests", "resources", "resources: requests"),
    ("runAsNonRoot", "profile", "profile"),
    ("secrets", "env", "env: NAME: secret"),
    ("securityContext", "security", "security"),
    ("serviceAccountName", "identity", "identity: name"),
    ("startupProbe", "health", "health: startup"),
    ("stop_grace_period", "rollout", "rollout: gracePeriod"),
    (
        "terminationGracePeriodSeconds",
        "rollout",
        "rollout: gracePeriod",
    ),
    ("tolerations", "placement", "placement: tolerations"),
    ("valueFrom", "secret", "secret"),
    ("volumeMounts", "volumes", "volumes"),
    ("workdir", "workingDir", "workingDir"),
    ("working_dir", "workingDir", "workingDir"),
    ("workload", "services", "services"),
];

/// Fields of other tools, and of other places, that a component does without.
const WITHOUT: [(&str, &str); 8] = [
    (
        "container_name",
        "remove it: a component is called by its name",
    ),
    ("metadata", "write `labels` and `annotations` themselves"),
    ("name", "remove it: a component is called by its name"),
    (
        "restart",
        "remove it: services are started again, jobs as often as `retries` says",
    ),
    ("spec", "write its fields themselves"),
    ("schedule", "move it to `cronJobs`, which have a schedule"),
    ("tag", "write it into `image`: `image: \"acme/web:1.4.2\"`"),
    (
        "version",
        "write it into `image`: `image: \"acme/web:1.4.2\"`",
    ),
];

/// The field that a name of another tool's stands for where it is known here,
/// and what to write.
fn elsewhere(name: &str, known: &[&str]) -> Option<(&'static str, &'static str)> {
    ELSEWHERE
        .iter()
        .find(|(other, field, _)| *other == name && known.contains(field))
        .map(|(_, field, write)| (*field, *write))
}

/// The code of a value behind the label of its field.
fn value_after(text: &str) -> Option<&str> {
    let text = text.trim_start().strip_prefix(':')?.trim_start();
    let mut quoted = false;
    let end = text.find(|c| {
        quoted ^= c == '"';
        !quoted && [',', '}', '\n'].contains(&c)
    });
    let value = text[..end.unwrap_or(text.len())].trim();
    (!value.is_empty()).then_some(value)
}

/// What stands in the innermost braces around a place.
fn enclosing(before: &str, after: &str) -> String {
    let start = before.rfind('{').map_or(0, |at| at + 1);
    let end = after.find('}').unwrap_or(after.len());
    format!("{}{}", &before[start..], &after[..end])
}

/// The lines that a place is indented below, as labels: where their innermost
/// one begins, and all of them, such as `services: web`.
pub(super) fn indented_below(text: &str, at: usize) -> Option<(usize, String)> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
    let mut least = indent(&text[start..]);
    let (mut labels, mut innermost) = (Vec::new(), None);
    let mut end = start;
    while least > 0 {
        let begin = text[..end.checked_sub(1)?]
            .rfind('\n')
            .map_or(0, |end| end + 1);
        let line = text[begin..end].trim_end();
        end = begin;
        if line.trim().is_empty() || indent(line) >= least {
            if begin == 0 {
                return None;
            }
            continue;
        }
        let label = line.trim().strip_suffix(':')?;
        least = indent(line);
        innermost = innermost.or(Some(begin));
        labels.insert(0, label.to_owned());
    }
    Some((innermost?, labels.join(": ")))
}

/// The fields that unknown ones were meant to be: what is misspelt is there,
/// and is not told a second time as missing.
#[derive(Debug)]
pub(crate) struct Misspelt(BTreeSet<Vec<String>>);

impl Misspelt {
    pub(crate) fn among(faults: &[Fault]) -> Self {
        let unknown = faults.iter().filter(|fault| fault.code == "unknown-field");
        Self(unknown.filter_map(meant).collect())
    }

    /// Whether a mistake only says that one of them is missing.
    pub(crate) fn explains(&self, fault: &Fault) -> bool {
        let missing = fault.code == "missing-field" || !fault.arg("missing").is_empty();
        missing && self.0.contains(&fault.path)
    }
}

/// The path that an unknown field was probably meant to have.
fn meant(fault: &Fault) -> Option<Vec<String>> {
    let known = fault.list("candidates");
    let name = fault.arg("name");
    let field = match elsewhere(name, &known) {
        Some((field, _)) => field,
        None => kcc_diag::nearest(name, known)?,
    };
    let mut path = fault.path.clone();
    field.clone_into(path.last_mut()?);
    Some(path)
}

impl Mistake<'_> {
    pub(super) fn unknown_field(&self) -> Diagnostic {
        let name = self.arg("name");
        let above = &self.path.0[..self.path.0.len().saturating_sub(1)];
        if self.arg("reason") == "hidden" {
            let map = kcc_tree::Path(above.to_vec());
            let message = format!("`{name}` does not reach `{map}`: CUE hides it");
            let error = self.error(Code::EvalUnknownField, message, "hidden");
            return error.help(format!("write `{name:?}` with its quotes"));
        }
        let message = format!("{} has no field `{name}`", self.owner_of(above));
        let error = self.error(Code::EvalUnknownField, message, "no such field");
        let mut error = self.others_write(error);
        let known = self.fault.list("candidates");
        let elsewhere = elsewhere(name, &known).map(|(_, write)| write);
        let in_component = above.len() == 2 && known.contains(&"image");
        let without = WITHOUT
            .iter()
            .find(|(other, _)| in_component && *other == name);
        if let Some(help) = self
            .probe_port(name, above)
            .or_else(|| self.missing_braces(above))
        {
            return error.help(help);
        }
        error = error.help(match elsewhere.or_else(|| self.nearest(name)) {
            _ if in_component && name == "on" => format!(
                "write it at the first level: `on: TARGET: {}: {}: …`",
                above[0],
                label(&above[1])
            ),
            _ if name == "nonRoot" && known.contains(&"profile") => {
                let profile = if self.is_written_false() {
                    "baseline"
                } else {
                    "restricted"
                };
                format!("write `profile: {profile:?}` in its place")
            }
            _ if without.is_some() => without.map_or("", |(_, help)| *help).to_owned(),
            Some(field) => format!("did you mean `{field}`?"),
            None if known.is_empty() => "remove it: nothing can be written here".to_owned(),
            None => {
                let mut known = known;
                known.sort_unstable();
                format!("the fields here are {}", listed(&known))
            }
        });
        error
    }

    /// The probes to write in the place of a port beside one: only named probes
    /// have a port.
    fn probe_port(&self, name: &str, above: &[String]) -> Option<String> {
        if name != "port" || above.last().is_none_or(|above| above != "health") {
            return None;
        }
        let span = self.lines.first()?.span;
        let text = self.words.files.get(span.file)?.text();
        let (before, after) = (
            text.get(..span.start as usize)?,
            text.get(span.end as usize..)?,
        );
        let port = value_after(after)?;
        let inside = enclosing(before, after);
        let probe = ["http", "tcp", "grpc", "exec"].iter().find_map(|probe| {
            let at = inside.find(&format!("{probe}:"))? + probe.len();
            Some(format!("{probe}: {}", value_after(&inside[at..])?))
        })?;
        let (declared, name) = match port.parse::<u16>() {
            Ok(number) => (format!("`ports: probe: {number}` and "), "\"probe\""),
            Err(_) => (String::new(), port),
        };
        Some(format!(
            "write {declared}`health: {{readiness: {{{probe}, port: {name}}}, liveness: {{{probe}, port: {name}}}}}`"
        ))
    }

    /// What to write where fields stand at the first level because only their
    /// indentation says where they belong.
    fn missing_braces(&self, above: &[String]) -> Option<String> {
        let span = self.lines.first().filter(|_| above.is_empty())?.span;
        let text = self.words.files.get(span.file)?.text();
        let (_, head) = indented_below(text, span.start as usize)?;
        Some(format!(
            "put the fields of `{head}` in braces: `{head}: {{`, and `}}` below the last one"
        ))
    }

    pub(super) fn unknown_kind(&self) -> Diagnostic {
        let name = self.arg("name");
        let above = &self.path.0[..self.path.0.len().saturating_sub(1)];
        let message = format!(
            "{} is of kind `{name}`, which nobody defines",
            self.owner_of(above)
        );
        let error = self.error(Code::EvalUnknownKind, message, "no such kind");
        let error = self.others_write(error);
        error.help(match self.nearest(name) {
            Some(kind) => format!("did you mean `{kind}`?"),
            None => format!(
                "the kinds are {}; a team defines its own in `kinds`",
                joined(&self.fault.list("candidates"), "and")
            ),
        })
    }

    pub(super) fn unknown_version(&self) -> Diagnostic {
        let (kind, version) = (self.arg("kind"), self.arg("name"));
        let above = &self.path.0[..self.path.0.len().saturating_sub(1)];
        let message = format!(
            "{} wants version `{version}` of `{kind}`, for which kcc has no recipe",
            self.owner_of(above)
        );
        let error = self.error(Code::EvalUnknownVersion, message, "no such version");
        self.others_write(error).help(format!(
            "write a version like {}",
            joined(&self.fault.list("candidates"), "or")
        ))
    }

    /// Whether the field says `false`: its label is what is marked.
    fn is_written_false(&self) -> bool {
        let rest = self.lines.first().and_then(|line| {
            let file = self.words.files.get(line.span.file)?;
            file.text().get(line.span.end as usize..)
        });
        let value = rest.map(|rest| rest.trim_start_matches(['?', '!', ':', ' ', '\t', '\n']));
        value.is_some_and(|value| value.starts_with("false"))
    }

    /// The same field in other lines.
    fn others_write(&self, mut error: Diagnostic) -> Diagnostic {
        for line in self.lines.iter().skip(1) {
            let text = match self.who(line.span) {
                Some(who) => format!("{who} writes it, too"),
                None => "here, too".to_owned(),
            };
            error = error.secondary(line.span, text);
        }
        error
    }

    pub(super) fn missing_field(&self) -> Diagnostic {
        let name = self.path.0.last().map_or("", String::as_str);
        let above = &self.path.0[..self.path.0.len().saturating_sub(1)];
        let with = self.fault.list("with");
        let example = bounds::example(self.arg("expected"));
        let mut message = format!("{} has no `{name}`", self.owner_of(above));
        let mut help = format!("add `{name}: {example}`");
        if !with.is_empty() {
            let with = joined(&with, "and");
            message = format!("{message}, which {with} needs");
            help = format!("{help}, or remove {with}");
        }
        let required = self
            .lines
            .first()
            .is_some_and(|line| line.kind == OriginKind::Constraint);
        let label = match self.lines.first().and_then(|line| self.who(line.span)) {
            _ if !required => format!("`{name}` is missing"),
            Some(who) => format!("{who} requires `{name}`"),
            None => format!("requires `{name}`"),
        };
        self.error(Code::EvalMissingField, message, label)
            .help(help)
    }

    /// The labels are the fields that are refused, then the reference to the
    /// definition and the definition itself.
    /// A struct that a call of `close` closes.
    fn closed_struct(&self, name: &str) -> Diagnostic {
        let who = |line: &Line| self.who(line.span);
        let closes = self.lines.first().and_then(who);
        let label = closes.map_or("closed here".to_owned(), |who| format!("{who} closes it"));
        let message = format!("`close` refuses `{}`", self.path);
        let mut error = self.error(Code::EvalClosedDefinition, message, label);
        for line in self.lines.iter().skip(1) {
            let adds = who(line).map_or_else(
                || format!("adds `{name}`"),
                |who| format!("{who} adds `{name}`"),
            );
            error = error.secondary(line.span, adds);
        }
        error.help("remove the call of `close`: what stands in it is written as it is")
    }

    pub(super) fn closed_definition(&self) -> Diagnostic {
        let (name, definition) = (self.arg("name"), self.arg("definition"));
        if definition == "close" {
            return self.closed_struct(name);
        }
        let fields = self.lines.len().saturating_sub(2).max(1);
        let shown = if definition.is_empty() {
            "a definition".into()
        } else {
            format!("`{definition}`")
        };
        let inside = self.arg("inside");
        let closed = if inside.is_empty() {
            shown.clone()
        } else {
            format!("`{inside}` of {shown}")
        };
        let message = format!("{closed} is closed and takes no field `{name}`");
        let label = match self.lines.first().and_then(|line| self.who(line.span)) {
            Some(who) => format!("{who} adds `{name}`"),
            None => format!("adds `{name}`"),
        };
        let mut error = self.error(Code::EvalClosedDefinition, message, label);
        for (at, line) in self.lines.iter().enumerate().skip(1) {
            let who = self.who(line.span);
            let text = match (at < fields, at + 1 == self.lines.len(), who) {
                (true, _, Some(who)) => format!("{who} adds it, too"),
                (true, _, None) => "adds it, too".to_owned(),
                (_, true, Some(who)) => format!("{who} defines {shown}"),
                (_, true, None) => format!("{shown} is defined here"),
                (_, false, Some(who)) => format!("{who} uses {shown}"),
                (_, false, None) => format!("{shown} is used here"),
            };
            error = error.secondary(line.span, text);
        }
        error.help(match definition.strip_prefix('#') {
            Some(_) if !inside.is_empty() => {
                format!("end {closed} with `...` too: it holds for one struct, not for those inside it")
            }
            // No file but the package's own sees a name that begins with `_`.
            Some(_) if self.arg("imported") == "true" => {
                format!("end `{definition}` with `...` so that it takes more fields")
            }
            Some(plain) => {
                let (first, rest) = plain.split_at(plain.chars().next().map_or(0, char::len_utf8));
                format!(
                    "end `{definition}` with `...` so that it takes more fields, or call it `_{}{rest}`",
                    first.to_lowercase()
                )
            }
            None => "end the definition with `...` so that it takes more fields".to_owned(),
        })
    }
}
