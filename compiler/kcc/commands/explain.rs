//! `kcc explain CODE`: the page of a code.

use std::fmt::Write;

use clap::Args;
use kcc_diag::{Code, nearest};

use super::{Context, Ended};
use crate::{exit::Exit, failure::Failure};

/// Say what a code means and what to do about it
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc explain kcc::eval::conflict\n  kcc explain eval::conflict\n  kcc explain             every code in one line"
)]
pub struct Explain {
    /// The code; all codes if none is given
    pub code: Option<String>,
}

impl Explain {
    /// Writes the page to stdout.
    pub fn run(self, context: &Context) -> Ended {
        let text = match &self.code {
            Some(code) => page(code)?.to_owned(),
            None => list(),
        };
        context.printer.data(&text);
        Ok(Exit::Done)
    }
}

fn page(text: &str) -> Result<&'static str, Failure> {
    if let Ok(code) = text.parse::<Code>() {
        return Ok(code.page());
    }
    // A name without its stage is enough where only one code has it.
    let named: Vec<Code> = Code::ALL
        .iter()
        .copied()
        .filter(|code| name(*code) == text)
        .collect();
    if let [code] = named[..] {
        return Ok(code.page());
    }
    let help = match near(text) {
        Some(code) => format!("did you mean `{code}`?"),
        None => "`kcc explain` lists all codes".to_owned(),
    };
    Err(Failure::usage(format!("there is no code `{text}`"), help))
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
            assert_eq!(page(name(*code)).is_ok(), alone, "{code}");
        }
    }
}
