//! Corrections for values of the wrong type. Most of them are habits from other tools, so that the
//! intended value is known.

use kcc_diag::field_label as label;

use super::{bounds, mistake::Mistake};
use crate::wire::{Alternative, Type, Written};

/// Structs that other tools write as a single string or number, by their field, or with a period by
/// the field that contains them, with the intended value; `{}` is the string.
const SHORT_VALUES: [(&str, &str); 15] = [
    ("build", "context: {}"),
    ("external", "host: {}"),
    ("health", "http: {}"),
    ("identity", "name: {}"),
    ("limits", "memory: {}"),
    ("liveness", "http: {}"),
    ("readiness", "http: {}"),
    ("requests", "memory: {}"),
    ("resources", "memory: {}"),
    ("startup", "http: {}"),
    ("backing.", "kind: {}"),
    ("files.", "content: \"…\""),
    ("routes.", "host: {}"),
    ("services.", "image: {}"),
    ("volumes.", "{mount: {}, size: \"1Gi\"}"),
];

impl Mistake<'_> {
    pub(super) fn corrected_type(
        &self,
        expected: &[Alternative],
        kind: Type,
        written: Option<&Written>,
    ) -> String {
        let name = self.path.0.last().map_or("", String::as_str);
        let text = self.lines.first().and_then(|line| self.source_of(*line));
        let text = text.as_deref().map_or("", |text| text.trim_matches('`'));
        // The text of a string, or the source of anything else.
        let unquoted = match written.and_then(|written| written.text.as_deref()) {
            Some(unquoted) if !text.is_empty() => unquoted,
            _ => text,
        };
        let items = written.map_or(&[][..], |written| written.items.as_slice());
        let is_number = unquoted.parse::<f64>().is_ok();
        let example = bounds::example(expected);
        let number = matches!(kind, Type::Int | Type::Float | Type::Number);
        match (bounds::first_type(expected), kind) {
            // An element of a list has an index for a name.
            (_, Type::Null) if name.parse::<usize>().is_err() => {
                format!("remove it, or write `{}: {example}`", label(name))
            }
            (Some(Type::String), _) if number && unit_of(name).is_some() => {
                let unit = unit_of(name).unwrap_or_default();
                format!("add a unit, such as `\"{unit}\"`")
            }
            (Some(Type::Struct), Type::Int | Type::Number)
                if self.is_port() && !text.is_empty() =>
            {
                format!("write `{name}: number: {text}`: only a plain number is a short form")
            }
            (Some(Type::String), Type::Int) if self.is_probed_port() && is_plain(text) => {
                format!(
                    "write the name of the port, such as `{name}: \"probe\"`, declared by `ports: probe: {text}`"
                )
            }
            (Some(Type::String), _)
                if (number || kind == Type::Bool) && !self.is_sensitive() && is_plain(text) =>
            {
                format!("quote it: `\"{text}\"`")
            }
            (Some(Type::String), _) if number || kind == Type::Bool => "quote it".to_owned(),
            (Some(Type::String), Type::Bytes) => {
                "use double quotes: single quotes are for bytes".to_owned()
            }
            (Some(Type::Int | Type::Number | Type::Float), Type::String) if is_number => {
                format!("remove the quotes: `{unquoted}`")
            }
            (Some(Type::Bool), Type::String) if ["true", "false"].contains(&unquoted) => {
                format!("remove the quotes: `{unquoted}`")
            }
            (Some(Type::Int), Type::String) if leading(unquoted).is_some() => {
                match published(unquoted) {
                    // A port as other tools publish it.
                    Some(found) if name == "port" && found.host.is_some() => {
                        format!("write `ports: http: {}`", port(found))
                    }
                    _ => format!("write `{name}: {}`", leading(unquoted).unwrap_or_default()),
                }
            }
            (Some(Type::Int), Type::Float | Type::Number) => {
                format!("write {}", bounds::describe(expected))
            }
            (Some(Type::List), Type::String) if is_command(name) && !text.is_empty() => {
                let words: Vec<String> = command(unquoted)
                    .iter()
                    .map(|word| format!("{word:?}"))
                    .collect();
                format!("write each word separately: `[{}]`", words.join(", "))
            }
            (Some(Type::List), Type::String | Type::Int | Type::Bool) if !text.is_empty() => {
                format!("put it in brackets: `[{text}]`")
            }
            (Some(Type::Struct), kind) => self
                .as_struct(kind, name, (text, unquoted, items))
                .unwrap_or_else(|| format!("write `{}: {example}`", label(name))),
            _ if name.parse::<usize>().is_ok() => format!("write `{example}`"),
            _ => format!("write `{}: {example}`", label(name)),
        }
    }

    /// Returns the intended struct for a value that is not a struct.
    fn as_struct(
        &self,
        kind: Type,
        name: &str,
        (text, unquoted, items): (&str, &str, &[String]),
    ) -> Option<String> {
        let above = self.above().last().map_or("", String::as_str);
        if kind == Type::List
            && let Some(help) = converted_list(name, items)
        {
            return Some(help);
        }
        let published = match items {
            [one] => published(one),
            _ => published(unquoted),
        };
        match (kind, name) {
            (Type::Bool, "tls") => Some(
                "write `tls: secret: \"…\"`, with the secret that contains the certificate"
                    .to_owned(),
            ),
            (Type::String | Type::List, "needs") => Some(as_needs(&words(unquoted, items)?)),
            (Type::List, "ports") if items.len() > 1 => {
                Some(format!("write `ports: {}`", ports(items)?))
            }
            (_, "ports") if published.is_some() => {
                Some(format!("write `ports: http: {}`", port(published?)))
            }
            (Type::String, _) if above == "ports" && published.is_some() => {
                Some(format!("write `{}: {}`", label(name), port(published?)))
            }
            (Type::List, "capabilities") if !text.is_empty() => {
                Some(format!("write `capabilities: add: {text}`"))
            }
            (Type::List, _) => Some(format!(
                "write each entry under its name, as in `{name}: NAME: …`, instead of a list"
            )),
            (_, _) if above == "needs" => Some(format!("write `{}: {{}}`", label(name))),
            (Type::String, _) => text_as_struct(above, name, text, unquoted),
            (Type::Bool, "health" | "readiness" | "liveness" | "startup") => {
                Some(format!("write a check, such as `{name}: http: \"/\"`"))
            }
            _ => None,
        }
    }

    /// Returns whether the path is that of the port of a health check, which is a name.
    fn is_probed_port(&self) -> bool {
        let names = &self.path.0;
        let field = names.last().map_or("", String::as_str);
        ["port", "tcp", "grpc"].contains(&field) && names.iter().any(|name| name == "health")
    }

    /// Returns whether the path is that of a named port.
    fn is_port(&self) -> bool {
        let names = &self.path.0;
        names.len() >= 2 && names[names.len() - 2] == "ports"
    }
}

/// Returns the help for a list as other tools write it.
fn converted_list(name: &str, items: &[String]) -> Option<String> {
    let fields = match name {
        "volumes" => return volumes(items),
        "env" | "labels" | "annotations" => entries(items),
        "files" => sources(items),
        "routes" => hosts(items),
        _ => None,
    };
    Some(format!("write `{name}: {}`", fields?))
}

/// Returns the names in a list, or in a text with commas; none unless all are plain.
fn words<'t>(unquoted: &'t str, items: &'t [String]) -> Option<Vec<&'t str>> {
    let words: Vec<&str> = match items {
        [] => unquoted.split(',').map(str::trim).collect(),
        items => items.iter().map(String::as_str).collect(),
    };
    let plain = |word: &&str| {
        let mut letters = word.chars();
        !word.is_empty() && letters.all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    words.iter().all(plain).then_some(words)
}

fn as_needs(names: &[&str]) -> String {
    let needs = names.iter().map(|name| format!("{}: {{}}", label(name)));
    let needs: Vec<String> = needs.collect();
    match needs.as_slice() {
        [one] => format!("write `needs: {one}`"),
        all => format!("write `needs: {{{}}}`", all.join(", ")),
    }
}

/// Returns the help for a text in place of a struct, below the field `above`.
fn text_as_struct(above: &str, name: &str, text: &str, unquoted: &str) -> Option<String> {
    let engine = ["docker", "kubernetes"].contains(&unquoted);
    Some(match name {
        _ if above == "targets" && engine => {
            format!("write `{}: {unquoted}: {{}}`", label(name))
        }
        "external" if address(unquoted).is_some() => {
            let (host, port) = address(unquoted)?;
            format!("write `external: {{host: {host:?}, port: {port}}}`")
        }
        "health" | "readiness" | "liveness" | "startup"
            if !text.is_empty() && !unquoted.starts_with('/') =>
        {
            let words = command(unquoted);
            let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
            format!("write `{name}: exec: [{}]`", words.join(", "))
        }
        "kubernetes" => "write `kubernetes: {name: \"…\", key: \"…\"}`".to_owned(),
        _ if !text.is_empty() => {
            let intended = SHORT_VALUES.iter().find(|(field, _)| {
                *field == name || field.strip_suffix('.').is_some_and(|field| field == above)
            });
            let (_, intended) = intended?;
            format!("write `{}: {}`", label(name), intended.replace("{}", text))
        }
        _ => return None,
    })
}

/// Returns the whole number that a text begins with.
fn leading(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

/// A port as other tools write it.
#[derive(Clone, Copy)]
struct Published {
    number: u16,
    host: Option<u16>,
    udp: bool,
}

/// Parses a number or a text such as `8080:80/udp`.
fn published(text: &str) -> Option<Published> {
    let (host, inner) = match text.rsplit_once(':') {
        // An address may precede the host port.
        Some((host, inner)) => (host.rsplit(':').next()?.parse().ok(), inner),
        None => (None, text),
    };
    let mut inner = inner.split('/');
    Some(Published {
        number: inner.next()?.parse().ok()?,
        host,
        udp: inner.next() == Some("udp"),
    })
}

/// Returns a port as a fragment writes it.
fn port(Published { number, host, udp }: Published) -> String {
    let protocol = if udp { ", protocol: \"UDP\"" } else { "" };
    match host {
        Some(host) => format!("{{number: {number}{protocol}, expose: {host}}}"),
        None if udp => format!("{{number: {number}{protocol}}}"),
        None => number.to_string(),
    }
}

/// Converts ports as other tools list them. The first one is the main port.
fn ports(items: &[String]) -> Option<String> {
    let entries: Vec<String> = items
        .iter()
        .enumerate()
        .map(|(at, item)| {
            let found = published(item)?;
            let name = match at {
                0 => "http".to_owned(),
                _ => label(&format!("port-{}", found.number)),
            };
            Some(format!("{name}: {}", port(found)))
        })
        .collect::<Option<_>>()?;
    fields(&entries)
}

/// Returns a struct with the given fields.
fn fields(entries: &[String]) -> Option<String> {
    match entries {
        [] => None,
        [one] => Some(one.clone()),
        all => Some(format!("{{{}}}", all.join(", "))),
    }
}

/// Converts volumes as other tools list them, `data:/data` or `/host:/data`. A path
/// relative to the file belongs to the system, and becomes an entry of `files`.
fn volumes(items: &[String]) -> Option<String> {
    let (mut mounts, mut files) = (Vec::new(), Vec::new());
    for item in items {
        let mut parts = item.split(':');
        let (source, mount) = match (parts.next()?, parts.next()) {
            (source, Some(mount)) => (source, mount),
            (mount, None) => ("", mount),
        };
        if source.starts_with('.') {
            files.push(format!("{mount:?}: source: {source:?}"));
            continue;
        }
        let named = if source.is_empty() { mount } else { source };
        let name = named
            .trim_matches('/')
            .rsplit('/')
            .next()?
            .replace(['.', '_'], "-");
        let from = match source {
            "" => "ephemeral: true".to_owned(),
            _ if source.starts_with(['/', '~']) => format!("hostPath: {source:?}"),
            _ => "size: \"1Gi\"".to_owned(),
        };
        let access = match parts.next() {
            Some("ro") => ", readOnly: true",
            _ => "",
        };
        mounts.push(format!(
            "{}: {{mount: {mount:?}, {from}{access}}}",
            label(&name)
        ));
    }
    match (fields(&mounts), fields(&files)) {
        (Some(mounts), None) => Some(format!("write `volumes: {mounts}`")),
        (None, Some(files)) => Some(format!("write `files: {files}` instead")),
        (Some(mounts), Some(files)) => {
            Some(format!("write `volumes: {mounts}` and `files: {files}`"))
        }
        (None, None) => None,
    }
}

/// Returns the names in a list of `NAME=value`, without the values, which may be secret.
fn entries(items: &[String]) -> Option<String> {
    let entries: Vec<String> = items
        .iter()
        .map(|item| {
            let name = item.split(['=', ':']).next()?.trim();
            (!name.is_empty()).then(|| format!("{}: \"…\"", label(name)))
        })
        .collect::<Option<_>>()?;
    fields(&entries)
}

/// Converts files as other tools list them, `app.toml:/etc/app.toml`.
fn sources(items: &[String]) -> Option<String> {
    let entries: Vec<String> = items
        .iter()
        .map(|item| {
            let (source, path) = item.split_once(':')?;
            Some(format!("{path:?}: source: {source:?}"))
        })
        .collect::<Option<_>>()?;
    fields(&entries)
}

/// Converts a list of host names to routes named after their first label.
fn hosts(items: &[String]) -> Option<String> {
    let entries: Vec<String> = items
        .iter()
        .map(|item| {
            let name = item.split('.').next().filter(|name| !name.is_empty())?;
            Some(format!("{}: host: {item:?}", label(name)))
        })
        .collect::<Option<_>>()?;
    fields(&entries)
}

/// Splits an address into host and port.
fn address(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}

/// Returns whether a field contains a command.
fn is_command(name: &str) -> bool {
    ["command", "args", "exec", "preStop", "entrypoint"].contains(&name)
}

/// Splits a command into words as a shell does. A command that needs a shell is passed to one.
fn command(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (None::<String>, None);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            // `$(NAME)` is a reference of kcc's.
            (None | Some('"'), '$') if rest.as_str().starts_with('(') => {
                word.get_or_insert_default().push(c);
            }
            (None, '|' | '&' | ';' | '<' | '>' | '`') | (None | Some('"'), '$') => {
                return ["sh", "-c", text].map(str::to_owned).into();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(rest.next()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Returns an example value for a field that contains a size or a duration.
fn unit_of(name: &str) -> Option<&'static str> {
    match name {
        "memory" | "size" => Some("128Mi"),
        "gracePeriod" | "deadline" | "delay" | "period" | "timeout" => Some("30s"),
        _ => None,
    }
}

/// Returns whether the source is a number or a boolean.
fn is_plain(text: &str) -> bool {
    text.parse::<f64>().is_ok() || ["true", "false"].contains(&text)
}
