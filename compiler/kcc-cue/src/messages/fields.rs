//! Messages about fields that do not exist, are missing, or are rejected by a definition.

use kcc_diag::{Code, Diagnostic, field_label as label, listed};
use kcc_tree::{OriginKind, Path};

use super::{
    bounds,
    mistake::{Line, Mistake, intended, join_names},
};
use crate::wire::{Alternative, Detail, Fault, Indented};

/// Other tools' names of a field, its name in kcc, and what to write.
const OTHER_TOOLS: [(&str, &str, &str); 72] = [
    ("activeDeadlineSeconds", "deadline", "deadline"),
    ("affinity", "placement", "placement"),
    ("autoscaling", "scale", "scale"),
    ("backoffLimit", "retries", "retries"),
    ("cap_drop", "security", "security: capabilities: drop"),
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
    ("failureThreshold", "failures", "failures"),
    ("depends_on", "needs", "needs"),
    ("dependsOn", "needs", "needs"),
    ("entrypoint", "command", "command"),
    ("env_file", "env", "env"),
    ("envFrom", "env", "env"),
    ("environment", "env", "env"),
    ("expose", "ports", "ports: http: expose"),
    ("healthCheck", "health", "health"),
    ("healthcheck", "health", "health"),
    (
        "extra_hosts",
        "hostAliases",
        "hostAliases: \"db.internal\": \"10.0.0.7\"",
    ),
    (
        "extraHosts",
        "hostAliases",
        "hostAliases: \"db.internal\": \"10.0.0.7\"",
    ),
    ("hosts", "routes", "routes"),
    ("image", "version", "version"),
    ("ingress", "routes", "routes"),
    ("initContainers", "init", "init"),
    ("interval", "period", "period"),
    ("interval", "readiness", "readiness: period"),
    ("limits", "resources", "resources: limits"),
    ("links", "needs", "needs"),
    ("livenessProbe", "health", "health: liveness"),
    ("mem", "memory", "memory"),
    (
        "mem_reservation",
        "resources",
        "resources: requests: memory",
    ),
    ("mem_limit", "resources", "resources: limits: memory"),
    ("memory", "resources", "resources: memory"),
    ("mounts", "volumes", "volumes"),
    ("networks", "needs", "needs"),
    ("nodeSelector", "placement", "placement: nodes"),
    ("privileged", "security", "security: privileged"),
    ("readinessProbe", "health", "health: readiness"),
    ("read_only", "security", "security: readOnlyRoot"),
    ("readOnlyRootFilesystem", "readOnlyRoot", "readOnlyRoot"),
    ("requests", "resources", "resources: requests"),
    ("retries", "failures", "failures"),
    ("runAsNonRoot", "profile", "profile"),
    ("secrets", "env", "env: NAME: secret"),
    ("securityContext", "security", "security"),
    ("serviceAccountName", "identity", "identity: name"),
    ("start_period", "startTimeout", "startTimeout"),
    ("startupProbe", "health", "health: startup"),
    ("stop_grace_period", "rollout", "rollout: gracePeriod"),
    (
        "terminationGracePeriodSeconds",
        "rollout",
        "rollout: gracePeriod",
    ),
    ("test", "exec", "exec"),
    ("tmpfs", "volumes", "volumes: NAME: ephemeral"),
    ("tolerations", "placement", "placement: tolerations"),
    ("valueFrom", "secret", "secret"),
    ("volumeMounts", "volumes", "volumes"),
    ("ulimits", "docker", "docker: HostConfig: Ulimits"),
    ("shm_size", "docker", "docker: HostConfig: ShmSize"),
    ("sysctls", "docker", "docker: HostConfig: Sysctls"),
    ("dns", "docker", "docker: HostConfig: Dns"),
    ("workdir", "workingDir", "workingDir"),
    ("working_dir", "workingDir", "workingDir"),
    ("workload", "services", "services"),
];

/// Fields of other tools, or of other kinds, that a component does not have.
const UNSUPPORTED: [(&str, &str); 19] = [
    (
        "container_name",
        "remove it: the field of a component is its name",
    ),
    (
        "deploy",
        "write `replicas`, `resources` and `placement` directly",
    ),
    (
        "hostNetwork",
        "remove it: components have networks of their own; `needs` and `ports` connect them",
    ),
    (
        "hostname",
        "write `docker: Hostname: \"…\"` in an overlay for Docker targets",
    ),
    (
        "network_mode",
        "remove it: components have networks of their own; `needs` and `ports` connect them",
    ),
    (
        "tty",
        "write `docker: Tty: true` in an overlay for Docker targets",
    ),
    ("metadata", "write `labels` and `annotations` directly"),
    (
        "health",
        "remove it, or move the component to `services`: a job ends",
    ),
    (
        "port",
        "remove it, or move the component to `services`: nothing can need a port of a job",
    ),
    (
        "ports",
        "remove it, or move the component to `services`: nothing can need a port of a job",
    ),
    (
        "replicas",
        "write `completions` and `parallelism`, or move the component to `services`",
    ),
    (
        "routes",
        "remove it, or move the component to `services`: nothing can need a port of a job",
    ),
    (
        "scale",
        "write `completions` and `parallelism`, or move the component to `services`",
    ),
    ("name", "remove it: the field of a component is its name"),
    (
        "restart",
        "remove it: services always restart, and jobs up to `retries` times",
    ),
    ("spec", "write its fields directly"),
    (
        "schedule",
        "move the component to `cronJobs`, which have a schedule",
    ),
    ("tag", "write it into `image`: `image: \"acme/web:1.4.2\"`"),
    (
        "version",
        "write it into `image`: `image: \"acme/web:1.4.2\"`",
    ),
];

/// Returns the known field that another tool's name stands for, and what to write.
fn elsewhere(name: &str, known: &[String]) -> Option<(&'static str, &'static str)> {
    OTHER_TOOLS
        .iter()
        .find(|(other, field, _)| *other == name && known.iter().any(|known| known == field))
        .map(|(_, field, write)| (*field, *write))
}

/// Returns the path that an unknown field was probably intended to have.
pub(super) fn intended_path(fault: &Fault) -> Option<Path> {
    let Detail::UnknownField {
        name, candidates, ..
    } = &fault.detail
    else {
        return None;
    };
    let field = match elsewhere(name, candidates) {
        Some((field, _)) => field,
        None => intended(name, candidates)?,
    };
    let mut path = fault.path.clone();
    field.clone_into(path.last_mut()?);
    Some(Path(path))
}

impl Mistake<'_> {
    /// A key that CUE hides.
    pub(super) fn hidden_key(&self, name: &str) -> Diagnostic {
        let map = Path(self.above().to_vec());
        let message = format!("`{name}` is not in `{map}`: CUE hides it");
        let error = self.error(Code::EvalUnknownField, message, "hidden");
        error.help(format!("write `{name:?}`, with the quotes"))
    }

    /// Returns the path of the struct around the field.
    pub(super) fn above(&self) -> &[String] {
        &self.path.0[..self.path.0.len().saturating_sub(1)]
    }

    pub(super) fn unknown_field(
        &self,
        name: &str,
        known: &[String],
        value: Option<&str>,
        indented: Option<&Indented>,
    ) -> Diagnostic {
        let above = self.above();
        let message = format!("{} has no field `{name}`", self.owner_of(above));
        let error = self.error(Code::EvalUnknownField, message, "no such field");
        let mut error = self.with_other_lines(error);
        let has = |name: &str| known.iter().any(|known| known == name);
        let elsewhere = elsewhere(name, known).map(|(_, write)| write);
        let in_component = above.len() == 2 && has("image");
        let without = UNSUPPORTED
            .iter()
            .find(|(other, _)| in_component && *other == name);
        if let Some(Indented { below, .. }) = indented {
            return error.help(format!(
                "put the fields of `{below}` in braces: `{below}: {{`, and `}}` below the last one"
            ));
        }
        error = error.help(match elsewhere.or_else(|| intended(name, known)) {
            _ if in_component && name == "on" => format!(
                "write it at the first level of the file: `on: TARGET: {}: {}: …`",
                above[0],
                label(&above[1])
            ),
            _ if name == "nonRoot" && has("profile") => {
                let profile = if value == Some("false") {
                    "baseline"
                } else {
                    "restricted"
                };
                format!("write `profile: {profile:?}` instead")
            }
            _ if without.is_some() => without.map_or("", |(_, help)| *help).to_owned(),
            Some(field) => format!("did you mean `{field}`?"),
            None if known.is_empty() => "remove it: no field is allowed here".to_owned(),
            None => {
                let mut known = known.to_vec();
                known.sort_unstable();
                format!("the fields here are {}", listed(&known))
            }
        });
        error
    }

    pub(super) fn unknown_kind(&self, name: &str, known: &[String]) -> Diagnostic {
        let message = format!("{} has unknown kind `{name}`", self.owner_of(self.above()));
        let error = self.error(Code::EvalUnknownKind, message, "unknown kind");
        let error = self.with_other_lines(error);
        error.help(match intended(name, known) {
            Some(kind) => format!("did you mean `{kind}`?"),
            None => format!(
                "the kinds are {}; define your own under `kinds`",
                join_names(known, "and")
            ),
        })
    }

    pub(super) fn unknown_version(
        &self,
        kind: &str,
        version: &str,
        supported: &[String],
    ) -> Diagnostic {
        let message = format!(
            "{} has version `{version}`, which the recipe of `{kind}` does not support",
            self.owner_of(self.above())
        );
        let error = self.error(Code::EvalUnknownVersion, message, "unsupported version");
        self.with_other_lines(error).help(format!(
            "write a version like {}",
            join_names(supported, "or")
        ))
    }

    pub(super) fn ignored_field(&self, kind: &str, name: &str, own: bool) -> Diagnostic {
        let message = format!(
            "{} has `{name}`, which kind `{kind}` does not use",
            self.owner_of(self.above())
        );
        let error = self.error(Code::EvalUnknownField, message, "not used");
        let help = match (own, name) {
            (true, "initScripts") => {
                "write `initScripts` in the kind with the directory of its image, or remove it"
                    .to_owned()
            }
            (true, _) => format!("refer to `in.{name}` in the kind's `component`, or remove it"),
            (false, _) => "remove it".to_owned(),
        };
        self.with_other_lines(error).help(help)
    }

    pub(super) fn taken_volume(&self, kind: &str, name: &str) -> Diagnostic {
        let message = format!("kind `{kind}` has a volume `{name}` of its own");
        let error = self.error(Code::EvalConflict, message, "duplicate name");
        self.with_other_lines(error).help("rename the volume")
    }

    /// Labels the same field in other lines.
    fn with_other_lines(&self, mut error: Diagnostic) -> Diagnostic {
        for line in self.lines.iter().skip(1) {
            let text = match self.author(line.span) {
                Some(author) => format!("{author} also writes it"),
                None => "also here".to_owned(),
            };
            error = error.secondary(line.span, text);
        }
        error
    }

    pub(super) fn missing_field(
        &self,
        name: &str,
        expected: &[Alternative],
        with: &[String],
    ) -> Diagnostic {
        let example = bounds::example(expected);
        let mut message = format!("{} has no `{name}`", self.owner_of(self.above()));
        let mut help = format!("add `{name}: {example}`");
        if !with.is_empty() {
            let with = join_names(with, "and");
            message = format!("{message}, which {with} requires");
            help = format!("{help}, or remove {with}");
        }
        let required = self
            .lines
            .first()
            .is_some_and(|line| line.kind == OriginKind::Constraint);
        let label = match self.lines.first().and_then(|line| self.author(line.span)) {
            _ if !required => format!("`{name}` is missing"),
            Some(author) => format!("{author} requires `{name}`"),
            None => format!("requires `{name}`"),
        };
        self.error(Code::EvalMissingField, message, label)
            .help(help)
    }

    /// A struct that a call of `close` closes.
    pub(super) fn closed_struct(&self, name: &str) -> Diagnostic {
        let author = |line: &Line| self.author(line.span);
        let closes = self.lines.first().and_then(author);
        let label = closes.map_or("closed here".to_owned(), |author| {
            format!("closed by {author}")
        });
        let message = format!("`close` does not allow `{}`", self.path);
        let mut error = self.error(Code::EvalClosedDefinition, message, label);
        for line in self.lines.iter().skip(1) {
            let adds = author(line).map_or_else(
                || format!("adds `{name}`"),
                |author| format!("{author} adds `{name}`"),
            );
            error = error.secondary(line.span, adds);
        }
        error.help("remove the call of `close` around the struct")
    }

    pub(super) fn closed_definition(
        &self,
        name: &str,
        definition: Option<&str>,
        inside: Option<&str>,
        imported: bool,
    ) -> Diagnostic {
        let fields = self.lines.len().saturating_sub(2).max(1);
        let shown = definition.map_or_else(
            || "a definition".to_owned(),
            |definition| format!("`{definition}`"),
        );
        let closed =
            inside.map_or_else(|| shown.clone(), |inside| format!("`{inside}` of {shown}"));
        let message = format!("{closed} is closed and does not allow field `{name}`");
        let label = match self.lines.first().and_then(|line| self.author(line.span)) {
            Some(author) => format!("{author} adds `{name}`"),
            None => format!("adds `{name}`"),
        };
        let mut error = self.error(Code::EvalClosedDefinition, message, label);
        for (at, line) in self.lines.iter().enumerate().skip(1) {
            let author = self.author(line.span);
            let text = match (at < fields, at + 1 == self.lines.len(), author) {
                (true, _, Some(author)) => format!("{author} also adds it"),
                (true, _, None) => "also adds it".to_owned(),
                (_, true, Some(author)) => format!("{author} defines {shown}"),
                (_, true, None) => format!("{shown} is defined here"),
                (_, false, Some(author)) => format!("{author} uses {shown}"),
                (_, false, None) => format!("{shown} is used here"),
            };
            error = error.secondary(line.span, text);
        }
        error.help(match definition.and_then(|name| name.strip_prefix('#')) {
            Some(_) if inside.is_some() => {
                format!("end {closed} with `...` as well: it opens one struct, not those inside it")
            }
            // A name beginning with `_` would not be visible outside the package.
            Some(_) if imported => format!("end {shown} with `...` to allow more fields"),
            Some(plain) => {
                let (first, rest) = plain.split_at(plain.chars().next().map_or(0, char::len_utf8));
                format!(
                    "end {shown} with `...` to allow more fields, or rename it to `_{}{rest}`",
                    first.to_lowercase()
                )
            }
            None => "end the definition with `...` to allow more fields".to_owned(),
        })
    }
}
