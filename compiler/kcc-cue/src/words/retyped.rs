//! How a value of the wrong type is written rightly: most of them are habits of
//! other tools, and it is known what was meant.

use kcc_diag::field_label as label;

use super::{Mistake, bounds};

/// Structs that a text or a number alone stands for elsewhere, by the field or
/// by the field that holds them by name, with what is meant; `{}` is the text.
const MEANT: [(&str, &str); 12] = [
    ("build", "context: {}"),
    ("external", "host: {}"),
    ("health", "http: {}"),
    ("identity", "name: {}"),
    ("limits", "memory: {}"),
    ("requests", "memory: {}"),
    ("resources", "memory: {}"),
    ("backing.", "kind: {}"),
    ("files.", "content: \"…\""),
    ("routes.", "host: {}"),
    ("services.", "image: {}"),
    ("volumes.", "{mount: {}, size: \"1Gi\"}"),
];

impl Mistake<'_> {
    pub(super) fn other_type(&self, expected: &str, kind: &str) -> String {
        let name = self.path.0.last().map_or("", String::as_str);
        let text = self.lines.first().and_then(|line| self.shown(*line));
        let text = text.as_deref().map_or("", |text| text.trim_matches('`'));
        let unquoted = text.trim_matches('"');
        let first = expected.split(['|', '&']).next().unwrap_or("").trim();
        let is_number = unquoted.parse::<f64>().is_ok();
        let example = bounds::example(expected);
        match (first, kind) {
            // An element of a list has a number for a name.
            (_, "null") if name.parse::<usize>().is_err() => {
                format!("leave it out, or write `{}: {example}`", label(name))
            }
            ("string", "int" | "float" | "number") if unit_of(name).is_some() => {
                let unit = unit_of(name).unwrap_or_default();
                format!("write it with its unit, such as `\"{unit}\"`")
            }
            ("struct", "int" | "number") if self.is_port() && !text.is_empty() => {
                format!("write `{name}: number: {text}`: only a number alone is short for that")
            }
            ("string", "int" | "float" | "number" | "bool") if !self.quiet() && is_plain(text) => {
                format!("put it in quotes: `\"{text}\"`")
            }
            ("string", "int" | "float" | "number" | "bool") => "put it in quotes".to_owned(),
            ("string", "bytes") => "put it in double quotes: in single ones it is bytes".to_owned(),
            ("int" | "number" | "float", "string") if is_number => {
                format!("leave the quotes out: `{unquoted}`")
            }
            ("bool", "string") if ["true", "false"].contains(&unquoted) => {
                format!("leave the quotes out: `{unquoted}`")
            }
            ("int", "string") if leading(unquoted).is_some() => match published(unquoted) {
                // As other tools publish a port.
                Some((number, Some(host))) if name == "port" => {
                    format!("write `ports: http: {{number: {number}, expose: {host}}}`")
                }
                _ => format!("write `{name}: {}`", leading(unquoted).unwrap_or_default()),
            },
            ("int", "float" | "number") => format!("write {}", bounds::plain(expected)),
            ("list", "string") if is_command(name) && !text.is_empty() => {
                let words: Vec<String> = command(&unescaped(text))
                    .iter()
                    .map(|word| format!("{word:?}"))
                    .collect();
                format!("write each word by itself: `[{}]`", words.join(", "))
            }
            ("list", "string" | "int" | "bool") if !text.is_empty() => {
                format!("put it in brackets: `[{text}]`")
            }
            ("struct", kind) => self
                .as_struct(kind, name, text)
                .unwrap_or_else(|| format!("write `{}: {example}`", label(name))),
            _ if name.parse::<usize>().is_ok() => format!("write `{example}`"),
            _ => format!("write `{}: {example}`", label(name)),
        }
    }

    /// What was meant by something that is no struct.
    fn as_struct(&self, kind: &str, name: &str, text: &str) -> Option<String> {
        let names = &self.path.0;
        let above = names
            .len()
            .checked_sub(2)
            .map_or("", |at| names[at].as_str());
        let unquoted = text.trim_matches('"');
        let words = || {
            let inside = text.trim_matches(['[', ']']);
            let words = inside.split(',').map(|word| word.trim().trim_matches('"'));
            let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
            let plain = |word: &&str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            (!words.is_empty() && words.iter().all(plain)).then_some(words)
        };
        let list = self.first_text().unwrap_or_default();
        let listed = match (kind, name) {
            ("list", "volumes") => volumes(list),
            ("list", "env" | "labels" | "annotations") => entries(list),
            _ => None,
        };
        if let Some(fields) = listed {
            return Some(format!("write `{name}: {fields}`"));
        }
        Some(match (kind, name) {
            ("bool", "tls") => {
                "write `tls: secret: \"…\"`, with the secret of a certificate".to_owned()
            }
            ("string" | "list", "needs") => {
                let needs: Vec<String> = words()?
                    .iter()
                    .map(|word| format!("{}: {{}}", label(word)))
                    .collect();
                match needs.as_slice() {
                    [one] => format!("write `needs: {one}`"),
                    all => format!("write `needs: {{{}}}`", all.join(", ")),
                }
            }
            (_, "ports") if published(unquoted).is_some() => {
                format!("write `ports: http: {}`", port(published(unquoted)?))
            }
            ("string", _) if above == "ports" && published(unquoted).is_some() => {
                format!("write `{}: {}`", label(name), port(published(unquoted)?))
            }
            ("list", "capabilities") if !text.is_empty() => {
                format!("write `capabilities: add: {text}`")
            }
            ("list", _) => {
                format!("write each entry by its name, as in `{name}: NAME: …`, instead of a list")
            }
            (_, _) if above == "needs" => format!("write `{}: {{}}`", label(name)),
            ("string", _) if above == "targets" && ["docker", "kubernetes"].contains(&unquoted) => {
                format!("write `{}: {unquoted}: {{}}`", label(name))
            }
            ("string", "external") if address(unquoted).is_some() => {
                let (host, port) = address(unquoted)?;
                format!("write `external: {{host: {host:?}, port: {port}}}`")
            }
            ("string", "kubernetes") => "write `kubernetes: {name: \"…\", key: \"…\"}`".to_owned(),
            ("string", _) if !text.is_empty() => {
                let meant = MEANT.iter().find(|(field, _)| {
                    *field == name || field.strip_suffix('.').is_some_and(|field| field == above)
                });
                let (_, meant) = meant?;
                format!("write `{}: {}`", label(name), meant.replace("{}", text))
            }
            _ => return None,
        })
    }

    /// The code of the first line, also where it is long or stays out of
    /// sentences: only names are taken from it.
    fn first_text(&self) -> Option<&str> {
        let line = self.lines.first()?;
        Some(self.words.files.text(line.span).trim())
    }

    /// Whether the path is that of a port by its name.
    fn is_port(&self) -> bool {
        let names = &self.path.0;
        names.len() >= 2 && names[names.len() - 2] == "ports"
    }
}

/// The whole number that a text begins with.
fn leading(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

/// The container's port and the host's in a number, a text such as `8080:80`,
/// or a list of one.
fn published(text: &str) -> Option<(u16, Option<u16>)> {
    let text = text.trim_matches(['[', ']', '"']);
    let (host, inner) = match text.rsplit_once(':') {
        // The address that it is published on may stand before it.
        Some((host, inner)) => (host.rsplit(':').next()?.parse().ok(), inner),
        None => (None, text),
    };
    Some((inner.split('/').next()?.parse().ok()?, host))
}

/// A port as a fragment writes it.
fn port((number, host): (u16, Option<u16>)) -> String {
    match host {
        Some(host) => format!("{{number: {number}, expose: {host}}}"),
        None => number.to_string(),
    }
}

/// The texts in a list of texts; none where it holds anything else.
fn items(list: &str) -> Option<Vec<String>> {
    let inside = list.trim().strip_prefix('[')?.strip_suffix(']')?;
    let items = inside.split([',', '\n']).map(str::trim);
    items
        .filter(|item| !item.is_empty())
        .map(|item| {
            let text = item.strip_prefix('"')?.strip_suffix('"')?;
            (!text.contains(['"', '\\'])).then(|| text.to_owned())
        })
        .collect()
}

/// A struct with one field for each of some entries.
fn fields(entries: &[String]) -> Option<String> {
    match entries {
        [] => None,
        [one] => Some(one.clone()),
        all => Some(format!("{{{}}}", all.join(", "))),
    }
}

/// Volumes as other tools list them, `data:/data` or `/host:/data`.
fn volumes(list: &str) -> Option<String> {
    let entries: Vec<String> = items(list)?
        .iter()
        .map(|item| {
            let mut parts = item.split(':');
            let (source, mount) = match (parts.next()?, parts.next()) {
                (source, Some(mount)) => (source, mount),
                (mount, None) => ("", mount),
            };
            let named = if source.is_empty() { mount } else { source };
            let name = named
                .trim_matches('/')
                .rsplit('/')
                .next()?
                .replace(['.', '_'], "-");
            Some(match source {
                "" => format!("{}: {{mount: {mount:?}, ephemeral: true}}", label(&name)),
                _ if source.starts_with(['/', '.', '~']) => {
                    format!(
                        "{}: {{mount: {mount:?}, hostPath: {source:?}}}",
                        label(&name)
                    )
                }
                _ => format!("{}: {{mount: {mount:?}, size: \"1Gi\"}}", label(&name)),
            })
        })
        .collect::<Option<_>>()?;
    fields(&entries)
}

/// The names in a list of `NAME=value`; the values may be nothing for a log.
fn entries(list: &str) -> Option<String> {
    let entries: Vec<String> = items(list)?
        .iter()
        .map(|item| {
            let (name, _) = item.split_once(['=', ':'])?;
            Some(format!("{}: \"…\"", label(name.trim())))
        })
        .collect::<Option<_>>()?;
    fields(&entries)
}

/// The host and the port of an address.
fn address(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}

/// Whether a field holds a command.
fn is_command(name: &str) -> bool {
    ["command", "args", "exec", "preStop", "entrypoint"].contains(&name)
}

/// The text of a plain string literal.
fn unescaped(literal: &str) -> String {
    let inside = literal
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(literal);
    inside.replace("\\\"", "\"").replace("\\\\", "\\")
}

/// The words of a command as a shell takes them apart. What only a shell can do
/// is left to one.
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
            // `$(NAME)` is kcc's own.
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

/// A value of a field that holds an amount of memory or a time.
fn unit_of(name: &str) -> Option<&'static str> {
    match name {
        "memory" | "size" => Some("128Mi"),
        "gracePeriod" | "deadline" | "delay" | "period" | "timeout" => Some("30s"),
        _ => None,
    }
}

/// Whether code is a number or a boolean as it is.
fn is_plain(text: &str) -> bool {
    text.parse::<f64>().is_ok() || ["true", "false"].contains(&text)
}
