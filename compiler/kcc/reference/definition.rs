//! [`Definition`]: a definition of the schema with its comment, example and fields.
//!
//! Reads the schema line by line instead of parsing CUE, because the schema is part
//! of the program and has a fixed layout: a definition starts and ends in column 1,
//! each field is on its own line, indented by one tab, and comments precede what
//! they describe. `tests/tidy` checks that layout. The further indented part of a
//! definition's comment is its example.

/// A definition of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The name, without `#`.
    pub name: String,
    /// The description, as one paragraph.
    pub text: String,
    /// A fragment that uses the definition.
    pub example: String,
    /// The expression it is defined as, if it is not a plain struct.
    pub is: String,
    /// The fields, in the order of the schema.
    pub fields: Vec<Field>,
    /// Groups of mutually exclusive fields.
    pub alternatives: Vec<Vec<Vec<String>>>,
    /// Groups of fields that must be set together.
    pub together: Vec<Vec<String>>,
    /// Groups of fields of which one is required.
    pub one_of: Vec<Vec<String>>,
}

/// A field of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name; empty for a pattern of any name.
    pub name: String,
    /// The mark for an optional or required field.
    pub mark: Mark,
    /// The type as the schema writes it.
    pub of: String,
    /// The default.
    pub default: Option<String>,
    /// The description, as one paragraph.
    pub text: String,
}

/// The mark after a field's name: `?` for optional, `!` for required, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are CUE's terms")]
pub enum Mark {
    Optional,
    Required,
    Regular,
}

impl Definition {
    /// Returns the definitions it refers to, in order and without duplicates.
    pub fn references(&self) -> Vec<&str> {
        let mut names = Vec::new();
        let types = self.fields.iter().map(|field| field.of.as_str());
        for of in std::iter::once(self.is.as_str()).chain(types) {
            for name in references(of) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }
}

/// Returns the names of the definitions in a type.
pub(super) fn references(of: &str) -> impl Iterator<Item = &str> {
    of.split('#')
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next())
}

/// Parses the definitions of a file.
pub(super) fn definitions(text: &str) -> Vec<Definition> {
    let mut all: Vec<Definition> = Vec::new();
    let mut comment = Vec::new();
    let mut inside = false;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (depth, rest) = match line.strip_prefix('\t') {
            Some(rest) => (1, rest),
            None => (0, line),
        };
        if let Some(text) = rest.strip_prefix("//") {
            comment.push(text.strip_prefix(' ').unwrap_or(text));
            continue;
        }
        let above = std::mem::take(&mut comment);
        if depth == 0 {
            inside = false;
            if let Some((name, is)) = rest
                .strip_prefix('#')
                .and_then(|rest| rest.split_once(": "))
            {
                inside = is == "{";
                all.push(definition(
                    name,
                    if inside || is == "{}" { "" } else { is },
                    &above,
                ));
            }
        } else if let Some(last) = all.last_mut().filter(|_| inside) {
            if let Some(attribute) = rest.strip_prefix('@') {
                last.attribute(attribute);
            } else if let Some(field) = field(rest, &above) {
                last.fields.push(field);
            }
        }
    }
    all
}

fn definition(name: &str, is: &str, comment: &[&str]) -> Definition {
    let example = comment
        .iter()
        .position(|line| line.starts_with('\t'))
        .unwrap_or(comment.len());
    let (text, example) = comment.split_at(example);
    Definition {
        name: name.to_owned(),
        text: paragraph(text),
        example: example
            .iter()
            .flat_map(|line| [line.strip_prefix('\t').unwrap_or(line), "\n"])
            .collect(),
        is: is.to_owned(),
        fields: Vec::new(),
        alternatives: Vec::new(),
        together: Vec::new(),
        one_of: Vec::new(),
    }
}

fn paragraph(lines: &[&str]) -> String {
    lines.join(" ").trim().to_owned()
}

fn field(line: &str, comment: &[&str]) -> Option<Field> {
    let (label, of) = line.split_once(": ")?;
    let (name, mark) = match label.strip_suffix('?') {
        Some(name) => (name, Mark::Optional),
        None => match label.strip_suffix('!') {
            Some(name) => (name, Mark::Required),
            None => (label, Mark::Regular),
        },
    };
    let name = match name {
        "[string]" => "",
        name if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => name,
        _ => return None,
    };
    let (of, default) = match of.split_once(" @default(") {
        Some((of, default)) => (of, default.strip_suffix(')')),
        None => (of, None),
    };
    Some(Field {
        name: name.to_owned(),
        mark,
        of: of.to_owned(),
        default: default.map(defaults),
        text: paragraph(comment),
    })
}

/// Describes the body of a `@default`, which holds one value or one for each
/// engine.
fn defaults(body: &str) -> String {
    let name = |engine| match engine {
        "docker" => "Docker",
        _ => "Kubernetes",
    };
    let values: Vec<String> = body
        .split(',')
        .map(|value| match value.split_once('=') {
            Some((engine @ ("docker" | "kubernetes"), value)) => {
                format!("`{value}` on {}", name(engine))
            }
            _ => format!("`{value}`"),
        })
        .collect();
    values.join(", ")
}

impl Definition {
    fn attribute(&mut self, text: &str) {
        let Some((kind, body)) = text.trim_end_matches(')').split_once('(') else {
            return;
        };
        let names = |text: &str, sign| {
            text.split(sign)
                .map(|name| name.trim().to_owned())
                .collect()
        };
        match kind {
            "alternatives" => self
                .alternatives
                .push(body.split(',').map(|group| names(group, '|')).collect()),
            "together" => self.together.push(names(body, ',')),
            "oneof" => self.one_of.push(names(body, ',')),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_comments_examples_and_fields() {
        let all = definitions(
            "package kcc\n\n// Port is a port of\n// a component.\n//\n//\tservices: web: {\n//\n//\t\tport: 80\n//\t}\n#Port: {\n\t// The number\n\t// of it.\n\tnumber!: #Number\n\t// Or so.\n\tprotocol?: \"TCP\" | \"UDP\" @default(\"TCP\")\n\n\t@alternatives(a|b,c)\n\t@together(a,b)\n}\n\n// Number is one.\n#Number: int & >=1\n",
        );
        let [port, number] = &all[..] else {
            panic!("{all:?}");
        };
        assert_eq!(port.text, "Port is a port of a component.");
        assert_eq!(port.example, "services: web: {\n\n\tport: 80\n}\n");
        assert_eq!(port.fields.len(), 2);
        assert_eq!(port.fields[0].text, "The number of it.");
        assert_eq!(port.fields[0].mark, Mark::Required);
        assert_eq!(port.fields[1].of, "\"TCP\" | \"UDP\"");
        assert_eq!(port.fields[1].default.as_deref(), Some("`\"TCP\"`"));
        assert_eq!(
            defaults(r#"docker="10s",kubernetes="30s""#),
            r#"`"10s"` on Docker, `"30s"` on Kubernetes"#
        );
        assert_eq!(port.alternatives, [[vec!["a", "b"], vec!["c"]]]);
        assert_eq!(port.together, [["a", "b"]]);
        assert_eq!(port.references(), ["Number"]);
        assert_eq!(
            (number.is.as_str(), &number.fields[..]),
            ("int & >=1", &[][..])
        );
    }
}
