//! `kcc explain`: prints the page of a diagnostic code or of a field.

use std::fmt::Write;

use clap::Args;
use kcc_diag::{Code, nearest};
use kcc_tree::schema::Schema;

use super::CommandResult;
use crate::{
    context::Context, exit::Exit, failure::Failure, provenance::FieldPath, reference::Reference,
};

/// Explain an error code or a field
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc explain kcc::eval::conflict\n  kcc explain eval::conflict\n  kcc explain services.health\n  kcc explain             list all codes"
)]
pub struct Explain {
    /// Code, or path of a field; omit it to list all codes
    #[arg(value_name = "CODE|PATH", add = crate::completion::codes())]
    pub about: Option<String>,
}

impl Explain {
    /// Prints the page, or the list of codes.
    pub fn run(self, context: &Context) -> CommandResult {
        let text = match &self.about {
            Some(text) => match code(text) {
                Some(code) => code.page().to_owned(),
                None => field(text)?,
            },
            None => list(),
        };
        context.printer.data(&text);
        Ok(Exit::Done)
    }
}

/// Parses a code; its last part is enough if it is unique.
fn code(text: &str) -> Option<Code> {
    if let Ok(code) = text.parse::<Code>() {
        return Some(code);
    }
    // Without its stage, a name must be unique.
    let named: Vec<Code> = Code::ALL
        .iter()
        .copied()
        .filter(|code| name(*code) == text)
        .collect();
    match named[..] {
        [code] => Some(code),
        _ => None,
    }
}

/// Formats the page of the field at a path.
fn field(text: &str) -> Result<String, Failure> {
    if text.contains("::") {
        let help = match similar_code(text) {
            Some(code) => format!("did you mean `{code}`?"),
            None => "run `kcc explain` to list all codes".to_owned(),
        };
        return Err(Failure::usage(format!("unknown code `{text}`"), help));
    }
    let reference = Reference::new(Schema::get());
    let Ok(FieldPath::Model(path)) = FieldPath::parse(text) else {
        return Err(Failure::usage(
            format!("`{text}` is not a field of fragments"),
            "pass the path of a field, such as `services.health`",
        ));
    };
    match reference.resolve(&path.0) {
        Ok(found) => Ok(reference.page(&found)),
        // A single name may be a misspelt code.
        Err(unknown) if unknown.parent.is_empty() => {
            let help = match (similar_code(text), unknown.similar) {
                (_, Some(field)) => format!("did you mean the field `{field}`?"),
                (Some(code), None) => format!("did you mean `{code}`?"),
                (None, None) => "run `kcc explain` to list all codes".to_owned(),
            };
            Err(Failure::usage(
                format!("unknown code or field `{text}`"),
                help,
            ))
        }
        Err(unknown) => {
            let help = match unknown.similar {
                Some(similar) => format!("did you mean `{similar}`?"),
                None => format!(
                    "run `kcc explain {}` to list its fields",
                    unknown.parent.replace(".*", "")
                ),
            };
            let message = format!("`{}` has no field `{}`", unknown.parent, unknown.name);
            Err(Failure::usage(message, help))
        }
    }
}

fn similar_code(text: &str) -> Option<&'static str> {
    let codes = Code::ALL.iter().map(|code| code.as_str());
    if text.contains("::") {
        let full = format!("kcc::{}", text.trim_start_matches("kcc::"));
        nearest(&full, codes)
    } else {
        let similar = nearest(text, Code::ALL.iter().map(|code| name(*code)))?;
        codes
            .into_iter()
            .find(|code| code.rsplit("::").next() == Some(similar))
    }
}

fn name(code: Code) -> &'static str {
    code.as_str().rsplit("::").next().unwrap_or_default()
}

fn list() -> String {
    let width = Code::ALL
        .iter()
        .map(|code| code.as_str().len())
        .max()
        .unwrap_or(0);
    Code::ALL.iter().fold(String::new(), |mut text, code| {
        let _ = writeln!(
            text,
            "{:width$}  {}",
            code.as_str(),
            code.summary().replace('\n', " ")
        );
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_every_code_on_its_own_line() {
        let list = list();
        let codes: Vec<&str> = list
            .lines()
            .map(|line| line.split_once("  ").map_or("", |(code, _)| code))
            .collect();
        let all: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes, all);
        assert!(
            list.lines().all(|line| line.len() > "kcc::".len() + 50),
            "{list}"
        );
    }

    #[test]
    fn accepts_a_name_without_its_stage_only_if_unique() {
        for code in Code::ALL {
            let alone = Code::ALL
                .iter()
                .filter(|other| name(**other) == name(*code))
                .count()
                == 1;
            assert_eq!(super::code(name(*code)).is_some(), alone, "{code}");
        }
    }
}
