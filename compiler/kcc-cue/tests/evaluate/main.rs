//! The real evaluator on real fragments: limits, origins, order, and the independence of teams.

mod errors;
mod limits;
mod values;

use std::{collections::BTreeSet, sync::LazyLock};

use kcc_cue::{Evaluated, Evaluation, Evaluator, Fragment, Imports, Limits};
use kcc_diag::{Format, Style, render};
use kcc_test_support::Archive;

static EVALUATOR: LazyLock<Evaluator> = LazyLock::new(Evaluator::default);

/// A system of three teams, each with a directory of its name.
const TEAMS: &str = r#"
-- kcc.cue --
package shop

system: {
	name: "shop"
	teams: {
		a: path: "a"
		b: path: "b"
		rules: {path: "rules", governs: ["services"]}
	}
	targets: {
		dev: docker: {}
		prod: kubernetes: {}
	}
}
"#;

/// Evaluates the files of archives, in this order.
fn evaluate_within(archives: &[&str], targets: &[&str], limits: Limits) -> Evaluated {
    let files: Vec<_> = archives
        .iter()
        .flat_map(|text| Archive::parse(text).sections)
        .collect();
    let fragments: Vec<Fragment<'_>> = files
        .iter()
        .map(|(name, text)| Fragment { name, text })
        .collect();
    let targets: BTreeSet<String> = targets.iter().map(|target| (*target).to_owned()).collect();
    let what = Evaluation {
        fragments: &fragments,
        imports: &Imports::default(),
        targets: &targets,
        limits,
        explain: false,
    };
    kcc_cue::evaluate(&EVALUATOR, &what).expect("the evaluator answers")
}

fn evaluate(archives: &[&str]) -> Evaluated {
    evaluate_within(archives, &[], Limits::default())
}

/// Renders the diagnostics, one per line: code, targets, path and message.
fn summary(evaluated: &Evaluated) -> Vec<String> {
    let all: BTreeSet<String> = evaluated.tree.targets.keys().cloned().collect();
    evaluated
        .found
        .iter()
        .map(|found| {
            let targets: Vec<&str> = found.targets.iter().map(String::as_str).collect();
            let targets = if found.targets == all {
                String::new()
            } else {
                format!(" [{}]", targets.join(" "))
            };
            format!("{}{targets}: {}", found.code, found.message)
        })
        .collect()
}

/// Renders the diagnostics as JSON.
fn json(evaluated: &Evaluated) -> String {
    render(
        &evaluated.found,
        &evaluated.tree.files,
        Format::Json,
        &Style::default(),
    )
}
