//! `kcc explain`: the page of a code, or of a field.

use std::fmt::Write;

use clap::Args;
use kcc_cue::Engine;
use kcc_diag::{Code, nearest};

use super::{Context, Ended};
use crate::{exit::Exit, failure::Failure, reference::Reference, trace::Place};

/// Say what a code means and what to do about it, or what a field says
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc explain kcc::eval::conflict\n  kcc explain eval::conflict\n  kcc explain services.health\n  kcc explain             every code in one line"
)]
pub struct Explain {
    /// The code, or the path of a field; all codes if none is given
    #[arg(value_name = "CODE|PATH")]
    pub about: Option<String>,
}

impl Explain {
    /// Writes the page to stdout.
    pub fn run(self, context: &Context) -> Ended {
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

/// The code that a text names.
fn code(text: &str) -> Option<Code> {
    if let Ok(code) = text.parse::<Code>() {
        return Some(code);
    }
    // A name without its stage is enough where only one code has it.
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

/// The page of the field that a path leads to.
fn field(text: &str) -> Result<String, Failure> {
    if text.contains("::") {
        let help = match near(text) {
            Some(code) => format!("did you mean `{code}`?"),
            None => "`kcc explain` lists all codes".to_owned(),
        };
        return Err(Failure::usage(format!("there is no code `{text}`"), help));
    }
    let reference = reference()?;
    let Ok(Place::Model(path)) = Place::parse(text) else {
        return Err(Failure::usage(
            format!("`{text}` is no field of a fragment"),
            "write the path of one, such as `services.health`; without a word every code is listed",
        ));
    };
    match reference.find(&path.0) {
        Ok(found) => Ok(reference.page(&found)),
        // A single word may be meant as a code.
        Err(unknown) if unknown.above.is_empty() => {
            let help = match (near(text), unknown.near) {
                (_, Some(field)) => format!("did you mean the field `{field}`?"),
                (Some(code), None) => format!("did you mean `{code}`?"),
                (None, None) => "`kcc explain` lists all codes".to_owned(),
            };
            Err(Failure::usage(
                format!("there is no code or field `{text}`"),
                help,
            ))
        }
        Err(unknown) => {
            let help = match unknown.near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "`kcc explain {}` lists its fields",
                    unknown.above.replace(".*", "")
                ),
            };
            let message = format!("`{}` has no field `{}`", unknown.above, unknown.name);
            Err(Failure::usage(message, help))
        }
    }
}

/// What the schema of this kcc says.
pub fn reference() -> Result<Reference, Failure> {
    let engine = Engine::new().map_err(Failure::Engine)?;
    let files = kcc_cue::schema(&engine).map_err(Failure::Engine)?;
    Ok(Reference::read(files.iter().map(|file| file.text.as_str())))
}

fn near(text: &str) -> Option<&'static str> {
    let codes = Code::ALL.iter().map(|code| code.as_str());
    if text.contains("::") {
        let full = format!("kcc::{}", text.trim_start_matches("kcc::"));
        nearest(&full, codes)
    } else {
        let near = nearest(text, Code::ALL.iter().map(|code| name(*code)))?;
        codes
            .into_iter()
            .find(|code| code.rsplit("::").next() == Some(near))
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
    fn the_list_has_every_code_in_a_line_of_its_own() {
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
    fn a_last_word_that_two_stages_have_is_not_enough() {
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
