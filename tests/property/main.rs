//! Random systems with one random mistake each: what is rejected is shown on
//! the line of the mistake, a conflict names both teams, nothing panics, and
//! the order of files changes not a byte.
//!
//! `KCC_ROUNDS=10000 cargo test --test property -- --nocapture` runs many and
//! says how often the line was hit; `KCC_ROUNDS=335..336` looks at one again.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "it is a test, and says what it counted"
)]

mod pile;
mod scramble;
mod systems;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    ops::Range,
    process::Command,
    sync::LazyLock,
};

use kcc_cue::{Engine, Evaluated, Evaluation, Fragment, Imports, Limits};
use kcc_diag::{Code, Diagnostics, Files, Format, Severity, Style, render};
use kcc_tree::Node;

use systems::{Fault, Random, System};

/// A process has one.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new().unwrap());

/// How many systems are tried where nothing else is said.
const ROUNDS: u64 = 40;

/// The seeds of the systems that are tried.
fn seeds() -> Range<u64> {
    let Ok(asked) = env::var("KCC_ROUNDS") else {
        return 0..ROUNDS;
    };
    let (from, to) = asked.split_once("..").unwrap_or(("0", &asked));
    from.parse().unwrap()..to.parse().unwrap()
}

/// Every so many of the seeds.
fn some_seeds(every: usize) -> impl Iterator<Item = u64> {
    seeds().step_by(every)
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
        there: &|_| Ok(()),
        context: &|_| Err("not there".to_owned()),
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
    let (mut hit, mut tried) = (0, BTreeMap::<&str, usize>::new());
    let mut missed = BTreeMap::<&str, Vec<u64>>::new();
    let mut unnamed = Vec::new();
    for seed in seeds() {
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
        // A label is what names the line and the team.
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
    // Hundredths of a percent, without the rounding of a fraction.
    let share = hit * 10_000 / rounds;
    println!(
        "{hit} of {rounds} mistakes of {} kinds ({}.{:02} %) are shown on their line; not, by seed: {missed:?}",
        tried.len(),
        share / 100,
        share % 100,
    );
    assert!(share >= 9_500, "{hit} of {rounds}: {missed:?}");
    assert!(unnamed.is_empty(), "{}", unnamed.join("\n"));
}

/// The lines of the conflict at a path, where there is one.
fn lines_of_conflict(system: &System, path: &str) -> Option<BTreeSet<(String, usize)>> {
    let (found, files, _) = examined(&texts(system));
    let conflict = found.iter().find(|found| {
        matches!(found.code, Code::EvalConflict | Code::EvalOutOfBounds)
            && found.path.as_deref() == Some(path)
    })?;
    let lines = conflict.labels.iter().filter_map(|label| {
        let file = files.get(label.span.file)?;
        Some((file.name().to_owned(), file.position(label.span.start).line))
    });
    Some(lines.collect())
}

/// They cannot hold together, and could if any one were left out.
#[test]
fn a_conflict_shows_the_lines_that_make_it_and_no_other() {
    let mut conflicts = 0;
    for seed in some_seeds(2) {
        let random = &mut Random::new(seed ^ 0xc1a5);
        let mut system = System::random(random);
        let path = system.pile(random);
        let Some(shown) = lines_of_conflict(&system, &path) else {
            continue;
        };
        conflicts += 1;
        // Whatever else is said of replicas is taken away.
        let alone = system.without(system.of_replicas().difference(&shown));
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
    println!("{conflicts} conflicts show the lines that make them and no other");
}

/// Whatever stands in a fragment: what is said of it has a line, and so a team.
#[test]
fn what_is_wrong_with_scrambled_files_is_shown_on_a_line() {
    for seed in seeds() {
        let random = &mut Random::new(seed ^ 0xf422);
        let mut files = texts(&System::random(random));
        scramble::scramble(&mut files, random);
        let (found, table, model) = examined(&files);
        assert_eq!(
            found.has_errors(),
            model.is_empty(),
            "seed {seed}: {files:#?}"
        );
        for one in &found {
            assert!(!one.labels.is_empty(), "seed {seed}: {one:?}: {files:#?}");
        }
        // It can be shown, too.
        assert!(!found.has_errors() || !json(&found, &table).is_empty());
    }
}

#[test]
fn the_order_of_files_changes_nothing() {
    for seed in some_seeds(5) {
        let random = &mut Random::new(seed ^ 0x5eed);
        let mut system = System::random(random);
        if random.below(2) == 0 {
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

/// What the real binary says of some of these systems, as a user runs it.
#[test]
fn the_binary_ends_as_it_says_it_does() {
    for seed in some_seeds(8) {
        let random = &mut Random::new(seed ^ 0xb1ea);
        let mut system = System::random(random);
        let broken = random.below(4) != 0;
        let fault = broken.then(|| system.break_once(random));
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in texts(&system) {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        for team in ["t0", "t1", "t2", "t3", "rules"] {
            fs::create_dir_all(folder.path().join("teams").join(team)).unwrap();
        }
        let ended = Command::new(env!("CARGO_BIN_EXE_kcc"))
            .args(["check", "--format", "json", "-C"])
            .arg(folder.path())
            .env_clear()
            .output()
            .unwrap();
        let said = String::from_utf8(ended.stdout).unwrap();
        // None is a signal, 70 and 101 are a mistake of kcc's own.
        let exit = ended.status.code();
        assert_eq!(
            exit,
            Some(i32::from(broken)),
            "seed {seed}: {fault:?}: {said}"
        );
        let mut errors = 0;
        for line in said.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["version"], 1, "seed {seed}: {line}");
            errors += usize::from(line["severity"] == "error");
        }
        assert_eq!(errors > 0, broken, "seed {seed}: {fault:?}: {said}");
    }
}
