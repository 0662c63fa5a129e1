//! The page as a play: the files that it shows are written, its commands run in order,
//! and their output has to be the one that it shows.
//!
//! `…` in an output stands for any text, on a line of its own for any lines. What is
//! different in every run (times, counts, generated names) only has to have its form.
//! Comments in the page set the stage: `<!-- run: COMMAND -->`, and
//! `<!-- until: COMMAND -->` for what takes its time.

use std::{fmt::Write as _, fs, sync::LazyLock};

use kcc_test_support::root;
use regex::Regex;

use crate::stage::Stage;

/// A step of the story, and the line of the page on which it begins.
enum Step {
    Write {
        file: String,
        text: String,
    },
    Run {
        line: usize,
        command: String,
        output: Vec<String>,
    },
    Set(String),
    Until(String),
}

pub(crate) fn plays(stage: &Stage) {
    let page = fs::read_to_string(root().join("docs/story.md")).unwrap();
    let mut wrong = String::new();
    for step in steps(&page) {
        match step {
            Step::Write { file, text } => fs::write(stage.path(&file), text).unwrap(),
            Step::Set(command) if command == "provide images" => stage.provide_images(),
            Step::Set(command) => {
                let ran = stage.run(&command);
                assert_eq!(ran.code, Some(0), "{command}: {ran:#?}");
            }
            Step::Until(command) => stage.wait_until(&command),
            Step::Run {
                line,
                command,
                output,
            } => {
                let ran = stage.run(&format!("({command}) 2>&1"));
                let actual: Vec<_> = ran.out.lines().map(str::trim_end).collect();
                eprintln!("$ {command}\n{}", ran.out);
                if !matches(&output, &actual) {
                    let _ = writeln!(
                        wrong,
                        "line {line}: $ {command}\nthe page shows\n{}\nit prints\n{}",
                        output.join("\n"),
                        actual.join("\n"),
                    );
                }
            }
        }
    }
    assert!(wrong.is_empty(), "docs/story.md is not true:\n{wrong}");
}

/// Returns the steps of a page in order.
fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((_, line)) = lines.next() {
        let comment = |word: &str| {
            let text = line.strip_prefix("<!-- ")?.strip_prefix(word)?;
            text.strip_suffix(" -->").map(str::to_owned)
        };
        if let Some(command) = comment("run: ") {
            steps.push(Step::Set(command));
        } else if let Some(command) = comment("until: ") {
            steps.push(Step::Until(command));
        } else if let Some(language) = line.strip_prefix("```") {
            let block = lines.by_ref().take_while(|(_, line)| *line != "```");
            let block: Vec<_> = block.collect();
            match language {
                "console" => steps.extend(commands(&block)),
                "cue" => steps.extend(file(&block)),
                _ => {}
            }
        }
    }
    steps
}

/// Returns the commands of a block, each with its output.
fn commands(block: &[(usize, &str)]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (number, text) in block {
        if let Some(command) = text.strip_prefix("$ ") {
            steps.push(Step::Run {
                line: number + 1,
                command: command.to_owned(),
                output: Vec::new(),
            });
        } else if let Some(Step::Run { output, .. }) = steps.last_mut() {
            output.push((*text).to_owned());
        }
    }
    steps
}

/// Returns the file that a block shows, if its first line names one.
fn file(block: &[(usize, &str)]) -> Option<Step> {
    let file = block.first()?.1.strip_prefix("// ")?;
    let text = block.iter().skip(1).map(|(_, line)| format!("{line}\n"));
    Some(Step::Write {
        file: file.to_owned(),
        text: text.collect(),
    })
}

/// Returns true if an output is as the page shows it.
fn matches(shown: &[String], actual: &[&str]) -> bool {
    match shown {
        [] => actual.is_empty(),
        [any, rest @ ..] if any.trim() == "…" => {
            (0..=actual.len()).any(|skipped| matches(rest, &actual[skipped..]))
        }
        [line, rest @ ..] => actual
            .split_first()
            .is_some_and(|(first, more)| is_alike(line, first) && matches(rest, more)),
    }
}

/// Returns true if a line is as the page shows it.
fn is_alike(shown: &str, actual: &str) -> bool {
    let (shown, actual) = (general(shown), general(actual));
    let parts = shown.split('…').map(regex::escape);
    let pattern = format!("^{}$", parts.collect::<Vec<_>>().join(".*"));
    Regex::new(&pattern).unwrap().is_match(&actual)
}

/// Replaces what is different in every run, and spaces, whose number depends on it.
fn general(line: &str) -> String {
    static CHANGING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let changing = [
            (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?Z?", "TIME"),
            (r"\d{4}-\d\d-\d\d", "DAY"),
            (r"\b[0-9a-f]{8}\b", "COMMIT"),
            (r"-[0-9a-f]{6,10}(-[a-z0-9]{5})?\b", "-POD"),
            (r":[0-9a-f]{12}\b", ":TAG"),
            (r"\b\d+(\.\d+)? m?s\b", "DURATION"),
            (r"\[\d+\]|after \d+( and \d+)*", "ORDER"),
            (r"\d+ restarts?", "RESTARTS"),
            // A crash loop is caught in one phase or another.
            (r"\b\d of 3 replicas", "SOME of 3 replicas"),
            (r"\b(failed|starting) +[01]/2", "failed 0/2"),
            (r"\b(failed|starting) +[0-2]/3", "failed 0/3"),
            (r"@[\w.-]+", "@HOST"),
            (r" +", " "),
        ];
        let compiled = changing.map(|(pattern, name)| (Regex::new(pattern).unwrap(), name));
        compiled.into()
    });
    let mut text = line.trim_end().to_owned();
    for (pattern, name) in CHANGING.iter() {
        text = pattern.replace_all(&text, *name).into_owned();
    }
    text
}
