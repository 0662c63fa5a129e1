//! Random systems with one random mistake each. A rejected system is reported on the line of the
//! mistake, a conflict names both teams, nothing panics, and the order of files changes nothing in
//! the output.
//!
//! Each system follows from its seed alone. If one fails, the test shrinks it and prints the seed
//! with the smallest system that fails in the same way. `KCC_ROUNDS=10000 cargo test --test
//! property -- --nocapture` runs many and prints how often the line was hit; `KCC_ROUNDS=335..336`
//! runs a single seed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test, which prints its counts"
)]

mod contradictions;
mod scramble;
mod systems;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    env,
    ops::Range,
    sync::{Arc, LazyLock},
};

use kcc_cue::{Evaluated, Evaluation, Evaluator, Fragment, Imports, Limits};
use kcc_diag::{Code, Diagnostics, Files, Format, Severity, Style, render};
use kcc_test_support::{CommandOutput, directory_with, kcc};

use proptest::{
    collection::vec,
    option,
    prelude::*,
    test_runner::{RngAlgorithm, TestCaseResult, TestRng, TestRunner},
};

use contradictions::replica_lines;
use scramble::{edits, scramble};
use systems::{Fault, System, faults, systems};

/// A process has only one.
static EVALUATOR: LazyLock<Evaluator> = LazyLock::new(Evaluator::default);

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

/// Checks a value for each seed. If one fails, panics with its seed and the smallest
/// failing value.
fn for_each<S: Strategy>(
    seeds: impl Iterator<Item = u64>,
    strategy: &S,
    check: impl Fn(S::Value) -> TestCaseResult,
) {
    for seed in seeds {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let config = ProptestConfig {
            cases: 1,
            max_shrink_iters: 500,
            // A seed is replayed with `KCC_ROUNDS`.
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        if let Err(failure) = TestRunner::new_with_rng(config, random).run(strategy, &check) {
            panic!("seed {seed}: {failure}");
        }
    }
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
        list: &|_| Ok(Vec::new()),
        check_exists: &|_| Ok(()),
        hash_context: &|_| Err("not there".to_owned()),
        images: &BTreeMap::new(),
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
    let tried = RefCell::new(BTreeMap::<&str, usize>::new());
    let missed = RefCell::new(Vec::new());
    for_each(seeds(), &(systems(), faults()), |(mut system, fault)| {
        let (sound, files, _) = examine(&texts(&system));
        prop_assert!(!sound.has_errors(), "{}", json(&sound, &files));
        let fault = system.break_once(&fault);
        let (found, files, _) = examine(&texts(&system));
        prop_assert!(found.has_errors(), "{fault:?} is not rejected: {system:#?}");
        // A label names the line and the team.
        let nowhere = found.iter().find(|found| found.labels.is_empty());
        prop_assert!(nowhere.is_none(), "{nowhere:?}: {system:#?}");
        let json = || json(&found, &files);
        prop_assert!(names_both(&found, &files, &fault), "{fault:?}: {}", json());
        *tried.borrow_mut().entry(fault.kind).or_default() += 1;
        if !on_the_line(&found, &files, &fault) {
            missed.borrow_mut().push(format!("{fault:?}: {}", json()));
        }
        Ok(())
    });
    let (tried, missed) = (tried.into_inner(), missed.into_inner());
    let rounds: usize = tried.values().sum();
    let hit = rounds - missed.len();
    // In hundredths of a percent, to avoid rounding.
    let share = hit * 10_000 / rounds;
    let missed = missed.join("\n");
    println!(
        "{hit} of {rounds} mistakes of {} kinds ({}.{:02} %) are reported on their line; missed:\n{missed}",
        tried.len(),
        share / 100,
        share % 100,
    );
    assert!(share >= 9_500, "{hit} of {rounds}: {missed}");
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
    let conflicts = Cell::new(0);
    let strategy = (systems(), replica_lines());
    for_each(
        some_seeds(2),
        &strategy,
        |(mut system, (service, lines))| {
            let path = system.contradict(service, &lines);
            let Some(shown) = lines_of_conflict(&system, &path) else {
                return Ok(());
            };
            conflicts.set(conflicts.get() + 1);
            // Other lines about replicas are removed.
            let alone = system.without(system.replica_lines().difference(&shown));
            let shown_alone = lines_of_conflict(&alone, &path);
            prop_assert_eq!(
                shown_alone.as_ref(),
                Some(&shown),
                "{}: {:#?}",
                path,
                system
            );
            for line in &shown {
                let fewer = alone.without([line]);
                let still = lines_of_conflict(&fewer, &path);
                prop_assert_eq!(
                    still,
                    None,
                    "{} without {:?}: {:?}: {:#?}",
                    path,
                    line,
                    shown,
                    system
                );
            }
            Ok(())
        },
    );
    println!("{} conflicts show exactly their lines", conflicts.get());
}

/// Any diagnostic about a fragment has a line, and so a team.
#[test]
fn reports_scrambled_files_with_a_line() {
    for_each(seeds(), &(systems(), edits()), |(system, edits)| {
        let mut files = texts(&system);
        scramble(&mut files, &edits);
        let (found, table, model) = examine(&files);
        prop_assert_eq!(found.has_errors(), model.is_empty(), "{:#?}", files);
        for one in &found {
            prop_assert!(!one.labels.is_empty(), "{one:?}: {files:#?}");
        }
        // It can also be rendered.
        prop_assert!(!found.has_errors() || !json(&found, &table).is_empty());
        Ok(())
    });
}

#[test]
fn is_independent_of_file_order() {
    // The order of the files' keys.
    let keys = vec(any::<u32>(), 20);
    let strategy = (systems(), option::of(faults()), keys);
    for_each(some_seeds(5), &strategy, |(mut system, fault, keys)| {
        if let Some(fault) = fault {
            system.break_once(&fault);
        }
        let mut files = texts(&system);
        let (found, table, model) = examine(&files);
        let expected = json(&found, &table);
        let mut order: Vec<usize> = (0..files.len()).collect();
        order.sort_by_key(|at| keys[*at]);
        files = order.into_iter().map(|at| files[at].clone()).collect();
        let (shuffled, table, other) = examine(&files);
        prop_assert_eq!(expected, json(&shuffled, &table));
        prop_assert_eq!(model, other);
        Ok(())
    });
}

/// Runs the real binary on some of these systems, as a user would.
#[test]
fn exit_code_matches_the_output() {
    let strategy = (systems(), option::weighted(0.75, faults()));
    for_each(some_seeds(8), &strategy, |(mut system, fault)| {
        let fault = fault.map(|fault| system.break_once(&fault));
        let broken = fault.is_some();
        let folder = directory_with(texts(&system));
        for team in ["t0", "t1", "t2", "t3", "rules"] {
            std::fs::create_dir_all(folder.path().join("teams").join(team)).unwrap();
        }
        let output = CommandOutput::of(kcc(folder.path()).args(["check", "--format", "json"]));
        let stdout = output.out;
        // No code means a signal; 70 and 101 mean a bug in kcc.
        let expected = Some(i32::from(broken));
        prop_assert_eq!(output.code, expected, "{:?}: {}", fault, stdout);
        let mut errors = 0;
        for line in stdout.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            prop_assert_eq!(&line["version"], &serde_json::json!(1), "{}", line);
            errors += usize::from(line["severity"] == "error");
        }
        prop_assert_eq!(errors > 0, broken, "{:?}: {}", fault, stdout);
        Ok(())
    });
}
