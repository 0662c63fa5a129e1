//! Random systems with one random mistake each. A rejected system is reported on the line of the
//! mistake, a conflict names both teams, nothing panics, and the order of files changes nothing in
//! the output.
//!
//! `KCC_ROUNDS=10000 cargo test --test property -- --nocapture` runs many and prints how often the
//! line was hit; `KCC_ROUNDS=335..336` runs a single seed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test, which prints its counts"
)]

mod contradictions;
mod scramble;
mod systems;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ops::Range,
    sync::{Arc, LazyLock},
};

use kcc_cue::{Evaluated, Evaluation, Evaluator, Fragment, Imports, Limits};
use kcc_diag::{Code, Diagnostics, Files, Format, Severity, Style, render};
use kcc_test_support::{CommandOutput, Scratch, kcc};

use systems::{Fault, Random, System};

/// A process has only one.
static EVALUATOR: LazyLock<Evaluator> = LazyLock::new(|| Evaluator::new().unwrap());

/// The default number of systems.
const ROUNDS: u64 = 40;

/// Returns the seeds of the systems to test.
fn seeds() -> Range<u64> {
    let Ok(asked) = env::var("KCC_ROUNDS") else {
        return 0..ROUNDS;
    };
    let (from, to) = asked.split_once("..").unwrap_or(("0", &asked));
    from.parse().unwrap()..to.parse().unwrap()
}

/// Returns one in every so many seeds.
fn some_seeds(every: usize) -> impl Iterator<Item = u64> {
    seeds().step_by(every)
}

/// Returns all diagnostics of a system, and the model if there is one.
fn examine(files: &[(String, String)]) -> (Diagnostics, Arc<Files>, String) {
    let fragments: Vec<Fragment<'_>> = files
        .iter()
        .map(|(name, text)| Fragment { name, text })
        .collect();
    let what = Evaluation {
        fragments: &fragments,
        imports: &Imports::default(),
        targets: &BTreeSet::new(),
        limits: Limits::default(),
        explain: false,
    };
    let Evaluated { tree, found, .. } = kcc_cue::evaluate(&EVALUATOR, &what).unwrap();
    let read = |_: &str| Err("it does not exist".to_owned());
    let referred = kcc_model::ReferencedFiles {
        read: &read,
        check_exists: &|_| Ok(()),
        hash_context: &|_| Err("not there".to_owned()),
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

/// Returns whether an error has a label on the line of the mistake.
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

/// Returns whether one error names both teams, in its message or with labels.
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
fn reports_a_mistake_on_its_line_with_both_teams() {
    let (mut hit, mut tried) = (0, BTreeMap::<&str, usize>::new());
    let mut missed = BTreeMap::<&str, Vec<u64>>::new();
    let mut unnamed = Vec::new();
    for seed in seeds() {
        let random = &mut Random::new(seed);
        let mut system = System::random(random);
        let (sound, files, _) = examine(&texts(&system));
        assert!(!sound.has_errors(), "seed {seed}: {}", json(&sound, &files));
        let fault = system.break_once(random);
        let (found, files, _) = examine(&texts(&system));
        assert!(
            found.has_errors(),
            "seed {seed}: {fault:?} is not rejected: {system:?}"
        );
        // A label names the line and the team.
        let nowhere = found.iter().find(|found| found.labels.is_empty());
        assert!(nowhere.is_none(), "seed {seed}: {nowhere:?}");
        *tried.entry(fault.kind).or_default() += 1;
        if on_the_line(&found, &files, &fault) {
            hit += 1;
        } else {
            missed.entry(fault.kind).or_default().push(seed);
        }
        if !names_both(&found, &files, &fault) {
            unnamed.push(format!("seed {seed}: {fault:?}: {}", json(&found, &files)));
        }
    }
    let rounds: usize = tried.values().sum();
    // In hundredths of a percent, to avoid rounding.
    let share = hit * 10_000 / rounds;
    println!(
        "{hit} of {rounds} mistakes of {} kinds ({}.{:02} %) are reported on their line; missed seeds: {missed:?}",
        tried.len(),
        share / 100,
        share % 100,
    );
    assert!(share >= 9_500, "{hit} of {rounds}: {missed:?}");
    assert!(unnamed.is_empty(), "{}", unnamed.join("\n"));
}

/// Returns the lines of the conflict at a path, if there is one.
fn lines_of_conflict(system: &System, path: &str) -> Option<BTreeSet<(String, usize)>> {
    let (found, files, _) = examine(&texts(system));
    let conflict = found.iter().find(|found| {
        matches!(found.code, Code::EvalConflict | Code::EvalOutOfBounds)
            && found.subject.shown().as_deref() == Some(path)
    })?;
    let lines = conflict.labels.iter().filter_map(|label| {
        let file = files.get(label.span.file)?;
        Some((file.name().to_owned(), file.position(label.span.start).line))
    });
    Some(lines.collect())
}

/// Together they conflict; without any one of them they do not.
#[test]
fn shows_exactly_the_lines_of_a_conflict() {
    let mut conflicts = 0;
    for seed in some_seeds(2) {
        let random = &mut Random::new(seed ^ 0xc1a5);
        let mut system = System::random(random);
        let path = system.contradict(random);
        let Some(shown) = lines_of_conflict(&system, &path) else {
            continue;
        };
        conflicts += 1;
        // Other lines about replicas are removed.
        let alone = system.without(system.replica_lines().difference(&shown));
        assert_eq!(
            lines_of_conflict(&alone, &path).as_ref(),
            Some(&shown),
            "seed {seed}: {path}: {system:#?}"
        );
        for line in &shown {
            let fewer = alone.without([line]);
            let still = lines_of_conflict(&fewer, &path);
            assert_eq!(
                still, None,
                "seed {seed}: {path} without {line:?}: {shown:?}: {system:#?}"
            );
        }
    }
    println!("{conflicts} conflicts show exactly their lines");
}

/// Any diagnostic about a fragment has a line, and so a team.
#[test]
fn reports_scrambled_files_with_a_line() {
    for seed in seeds() {
        let random = &mut Random::new(seed ^ 0xf422);
        let mut files = texts(&System::random(random));
        scramble::scramble(&mut files, random);
        let (found, table, model) = examine(&files);
        assert_eq!(
            found.has_errors(),
            model.is_empty(),
            "seed {seed}: {files:#?}"
        );
        for one in &found {
            assert!(!one.labels.is_empty(), "seed {seed}: {one:?}: {files:#?}");
        }
        // It can also be rendered.
        assert!(!found.has_errors() || !json(&found, &table).is_empty());
    }
}

#[test]
fn is_independent_of_file_order() {
    for seed in some_seeds(5) {
        let random = &mut Random::new(seed ^ 0x5eed);
        let mut system = System::random(random);
        if random.below(2) == 0 {
            system.break_once(random);
        }
        let mut files = texts(&system);
        let (found, table, model) = examine(&files);
        let expected = json(&found, &table);
        random.shuffle(&mut files);
        let (shuffled, table, other) = examine(&files);
        assert_eq!(expected, json(&shuffled, &table), "seed {seed}");
        assert_eq!(model, other, "seed {seed}");
    }
}

/// Runs the real binary on some of these systems, as a user would.
#[test]
fn exit_code_matches_the_output() {
    for seed in some_seeds(8) {
        let random = &mut Random::new(seed ^ 0xb1ea);
        let mut system = System::random(random);
        let broken = random.below(4) != 0;
        let fault = broken.then(|| system.break_once(random));
        let folder = Scratch::with(texts(&system));
        for team in ["t0", "t1", "t2", "t3", "rules"] {
            folder.folder(format!("teams/{team}"));
        }
        let output = CommandOutput::of(kcc(folder.path()).args(["check", "--format", "json"]));
        let stdout = output.out;
        // No code means a signal; 70 and 101 mean a bug in kcc.
        assert_eq!(
            output.code,
            Some(i32::from(broken)),
            "seed {seed}: {fault:?}: {stdout}"
        );
        let mut errors = 0;
        for line in stdout.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["version"], 1, "seed {seed}: {line}");
            errors += usize::from(line["severity"] == "error");
        }
        assert_eq!(errors > 0, broken, "seed {seed}: {fault:?}: {stdout}");
    }
}
