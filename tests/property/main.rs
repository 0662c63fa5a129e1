//! Random systems with one random mistake each: what is rejected is shown on
//! the line of the mistake, a conflict names both teams, nothing panics, and
//! the order of files changes not a byte.
//!
//! `KCC_ROUNDS=10000 cargo test --test property -- --nocapture` runs many and
//! says how often the line was hit.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "it is a test, and says what it counted"
)]

mod systems;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    sync::LazyLock,
};

use kcc_cue::{Engine, Evaluated, Evaluation, Fragment, Imports, Limits, Node};
use kcc_diag::{Diagnostics, Files, Format, Severity, Style, render};

use systems::{Fault, Random, System};

/// A process has one.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new().unwrap());

/// How many systems are tried where nothing else is said.
const ROUNDS: usize = 40;

fn rounds() -> usize {
    env::var("KCC_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap())
}

/// The second folder of a file below `teams` is its team's.
fn team_of(_: &Node, name: &str) -> Option<String> {
    let (team, _) = name.strip_prefix("teams/")?.split_once('/')?;
    Some(team.to_owned())
}

/// Everything that is said of a system, and the model where there is one.
fn examined(files: &[(String, String)]) -> (Diagnostics, Files, String) {
    let fragments: Vec<Fragment<'_>> = files
        .iter()
        .map(|(name, text)| Fragment { name, text })
        .collect();
    let what = Evaluation {
        fragments: &fragments,
        imports: &Imports::default(),
        team_of: &team_of,
        targets: &BTreeSet::new(),
        limits: Limits::default(),
        explain: false,
    };
    let Evaluated { tree, found, .. } = kcc_cue::evaluate(&ENGINE, &what).unwrap();
    let read = |_: &str| Err("it does not exist".to_owned());
    let referred = kcc_model::Referred {
        file: &read,
        context: &|_| read(""),
    };
    let outcome = kcc_model::examine(&tree, found, referred);
    match outcome {
        Ok(checked) => (checked.warnings, tree.files, format!("{:?}", checked.value)),
        Err(found) => (found, tree.files, String::new()),
    }
}

fn texts(system: &System) -> Vec<(String, String)> {
    let files = system.files.iter();
    files
        .map(|(name, lines)| (name.clone(), lines.join("\n") + "\n"))
        .collect()
}

fn json(found: &Diagnostics, files: &Files) -> String {
    render(found, files, Format::Json, &Style::default())
}

/// Whether an error has a label on the line of the mistake.
fn on_the_line(found: &Diagnostics, files: &Files, fault: &Fault) -> bool {
    let errors = found
        .iter()
        .filter(|found| found.severity == Severity::Error);
    errors.flat_map(|found| &found.labels).any(|label| {
        files.get(label.span.file).is_some_and(|file| {
            let (start, end) = (
                file.position(label.span.start),
                file.position(label.span.end),
            );
            file.name() == fault.file && (start.line..=end.line).contains(&fault.line)
        })
    })
}

/// Whether one error names both teams, in its words or at its lines.
fn names_both(found: &Diagnostics, files: &Files, fault: &Fault) -> bool {
    found.iter().any(|found| {
        fault.teams.iter().all(|team| {
            let labels = &found.labels;
            labels
                .iter()
                .any(|label| files.team(label.span) == Some(team))
                || found.message.contains(&format!("`{team}`"))
        })
    })
}

#[test]
fn one_mistake_is_shown_on_its_line_with_both_teams() {
    let (mut hit, mut missed) = (0, BTreeMap::<&str, usize>::new());
    let mut unnamed = Vec::new();
    for seed in 0..rounds() as u64 {
        let random = &mut Random::new(seed);
        let mut system = System::random(random);
        let (sound, files, _) = examined(&texts(&system));
        assert!(!sound.has_errors(), "seed {seed}: {}", json(&sound, &files));
        let fault = system.break_once(random);
        let (found, files, _) = examined(&texts(&system));
        assert!(
            found.has_errors(),
            "seed {seed}: {fault:?} is not rejected: {system:?}"
        );
        if on_the_line(&found, &files, &fault) {
            hit += 1;
        } else {
            *missed.entry(fault.kind).or_default() += 1;
        }
        if !names_both(&found, &files, &fault) {
            unnamed.push(format!("seed {seed}: {fault:?}: {}", json(&found, &files)));
        }
    }
    println!(
        "{hit} of {} mistakes are shown on their line; not: {missed:?}",
        rounds()
    );
    assert!(
        hit * 100 >= rounds() * 95,
        "{hit} of {}: {missed:?}",
        rounds()
    );
    assert!(unnamed.is_empty(), "{}", unnamed.join("\n"));
}

#[test]
fn the_order_of_files_changes_nothing() {
    for seed in 0..rounds().div_ceil(5) as u64 {
        let random = &mut Random::new(seed ^ 0x5eed);
        let mut system = System::random(random);
        if seed % 2 == 0 {
            system.break_once(random);
        }
        let mut files = texts(&system);
        let (found, table, model) = examined(&files);
        let said = json(&found, &table);
        random.shuffle(&mut files);
        let (again, table, other) = examined(&files);
        assert_eq!(said, json(&again, &table), "seed {seed}");
        assert_eq!(model, other, "seed {seed}");
    }
}
