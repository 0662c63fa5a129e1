//! [`evaluate`]: from fragments to the [`ConfigTree`] of all targets, and
//! everything that is wrong with them.
//!
//! The system is evaluated first, because it says which team a file belongs to
//! and which targets there are; then every target in an instance of its own,
//! side by side. Nothing here reads a file: the caller hands over texts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use kcc_diag::{Diagnostics, FileId, Files, SourceFile};
use kcc_tree::{ConfigTree, Node, SYSTEM_FILE, USUAL_TARGETS, Value};

use crate::{
    ask::{Answer, ask, schema},
    decode::Indexes,
    engine::{Engine, EngineError, Limits, Stopped},
    narrow::narrow,
    packages::{Imports, MissingPackage},
    unmatched,
    wire::{self, Request},
    words::{Misspelt, Words},
};

/// The fields of a target that bind it to an engine.
const ENGINES: [&str; 2] = ["docker", "kubernetes"];

/// A fragment: its name, relative to the system's root, and its text.
#[derive(Debug, Clone, Copy)]
pub struct Fragment<'a> {
    /// The name, with `/`.
    pub name: &'a str,
    /// The whole text.
    pub text: &'a str,
}

/// What to evaluate, and how.
#[derive(Clone, Copy)]
pub struct Evaluation<'a> {
    /// The fragments; their order does not matter.
    pub fragments: &'a [Fragment<'a>],
    /// What they import; the files of packages are among the fragments, and
    /// are none.
    pub imports: &'a Imports,
    /// The team of a file by its name, once `system` is known; none for the
    /// system's own files.
    pub team_of: &'a dyn Fn(&Node, &str) -> Option<String>,
    /// The targets to evaluate; all if none is named. One that the system
    /// does not have is left out.
    pub targets: &'a BTreeSet<String>,
    /// What the evaluation of one target may use.
    pub limits: Limits,
    /// Whether to find out what else is said about each value.
    pub explain: bool,
}

impl fmt::Debug for Evaluation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evaluation")
            .field("fragments", &self.fragments)
            .field("targets", &self.targets)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What evaluation found out.
#[derive(Debug)]
pub struct Evaluated {
    /// Whatever could be evaluated, errors or not.
    pub tree: ConfigTree,
    /// Everything that is wrong, sorted.
    pub found: Diagnostics,
    /// The names of all targets of the system, evaluated or not.
    pub targets: BTreeSet<String>,
}

/// Evaluates the fragments of a system.
pub fn evaluate(engine: &Engine, what: &Evaluation<'_>) -> Result<Evaluated, EngineError> {
    let mut fragments = what.fragments.to_vec();
    fragments.sort_by_key(|fragment| fragment.name);
    let mut files = Files::new();
    let ids: Vec<FileId> = fragments
        .iter()
        .map(|fragment| files.add(fragment.name, fragment.text))
        .collect();

    let schema: Vec<FileId> = schema(engine)?
        .into_iter()
        .map(|file| files.add(file.name, file.text))
        .collect();

    let alone = evaluated_alone(&fragments, &ids, what.imports);
    let (alone, alone_ids): (Vec<Fragment<'_>>, Vec<FileId>) = alone.into_iter().unzip();
    let system_indexes = Indexes::new(&alone_ids, &schema);
    let mut first = ask_for_system(engine, &alone, what, &system_indexes);
    let system = match &mut first {
        Ok(answer) => answer.tree.take().and_then(system_of),
        Err(_) => None,
    };
    let system = system.unwrap_or_else(|| Node {
        value: Value::Absent,
        origins: Vec::new(),
    });
    for (id, fragment) in ids.iter().zip(&fragments) {
        files.set_team(*id, (what.team_of)(&system, fragment.name));
    }

    let targets = targets_of(&system);
    let all_names: BTreeSet<String> = targets.keys().cloned().collect();
    let wanted: Vec<&str> = targets
        .keys()
        .filter(|target| what.targets.is_empty() || what.targets.contains(*target))
        .map(String::as_str)
        .collect();
    let question = Question {
        targets: all_names.iter().cloned().collect(),
        engines: &targets,
        teams: teams(&system),
        files: wire_files(&files, &ids),
        indexes: Indexes::new(&ids, &schema),
        packages: what.imports.indexed(&names(&fragments)),
        missing: &what.imports.missing,
        limits: what.limits,
        explain: what.explain,
    };
    let mut answers = question.ask_for_all(engine, &wanted);
    unmatched::join(&mut answers, wanted.len() == all_names.len());
    let has_teams = !question.teams.is_empty();

    let mut collected = Collected::default();
    collected.take(
        None,
        first,
        &Words::new(&files, &system_indexes, has_teams),
        what.limits,
    )?;
    let words = Words::new(&files, &question.indexes, has_teams);
    for (target, answer) in wanted.into_iter().zip(answers) {
        collected.take(Some(target), answer, &words, what.limits)?;
    }
    drop(question);
    collected.finish(files, system, all_names)
}

/// `kcc.cue`, if it is there, and the files of packages, which it may import.
fn evaluated_alone<'a>(
    fragments: &[Fragment<'a>],
    ids: &[FileId],
    imports: &Imports,
) -> Vec<(Fragment<'a>, FileId)> {
    let files = fragments.iter().copied().zip(ids.iter().copied());
    let mut alone: Vec<_> = files
        .filter(|(file, _)| file.name == SYSTEM_FILE || imports.has(file.name))
        .collect();
    alone.sort_by_key(|(file, _)| file.name != SYSTEM_FILE);
    if alone
        .first()
        .is_none_or(|(file, _)| file.name != SYSTEM_FILE || !file.text.contains("import"))
    {
        // None of them counts.
        alone.retain(|(file, _)| file.name == SYSTEM_FILE);
    }
    alone
}

fn names<'a>(fragments: &[Fragment<'a>]) -> Vec<&'a str> {
    fragments.iter().map(|fragment| fragment.name).collect()
}

fn ask_for_system(
    engine: &Engine,
    alone: &[Fragment<'_>],
    what: &Evaluation<'_>,
    indexes: &Indexes,
) -> Result<Answer, EngineError> {
    if alone.is_empty() {
        return Ok(Answer::default());
    }
    let files: Vec<wire::File<'_>> = alone
        .iter()
        .map(|file| wire::File {
            name: file.name,
            text: file.text,
            team: None,
        })
        .collect();
    let mut packages = what.imports.indexed(&names(alone));
    packages.retain(|package| !package.files.is_empty());
    ask_and_locate(&files, &|files| {
        let request = Request::system(files).importing(&packages, &what.imports.missing);
        ask(engine, &request, indexes, what.limits)
    })
}

/// Asks, and where the evaluator overflows its stack or panics, which it does
/// without a word about the fragments, asks again until it is known at which
/// declarations.
fn ask_and_locate(
    files: &[wire::File<'_>],
    ask: &dyn Fn(&[wire::File<'_>]) -> Result<Answer, EngineError>,
) -> Result<Answer, EngineError> {
    let stop = |answer: &Result<Answer, EngineError>| match answer {
        Err(EngineError::Crashed(_)) => Some(Stopped::Panic),
        Ok(Answer {
            stopped: Some(Stopped::Depth),
            ..
        }) => Some(Stopped::Depth),
        _ => None,
    };
    let answer = ask(files);
    let Some(stopped) = stop(&answer) else {
        return answer;
    };
    let texts: Vec<&str> = files.iter().map(|file| file.text).collect();
    let declarations = narrow(&texts, &mut |texts| {
        let files: Vec<_> = files
            .iter()
            .zip(texts)
            .map(|(file, text)| wire::File { text, ..*file })
            .collect();
        stop(&ask(&files)) == Some(stopped)
    });
    if declarations.is_empty() {
        return answer;
    }
    Ok(Answer {
        stopped: Some(stopped),
        stopped_at: declarations
            .into_iter()
            .map(|(file, at)| first_line(file, &texts[file][at.clone()], at.start))
            .collect(),
        ..Answer::default()
    })
}

/// The first line of a text that begins at an offset of a file.
fn first_line(file: usize, text: &str, offset: usize) -> wire::Span {
    let line = text.trim_start();
    let start = offset + text.len() - line.len();
    let length = line.lines().next().unwrap_or_default().trim_end().len();
    let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    wire::Span(file, byte(start), byte(start + length))
}

fn system_of(root: Node) -> Option<Node> {
    match root.value {
        Value::Struct(mut fields) => fields.remove("system"),
        _ => None,
    }
}

/// The targets of a system, each with its engine; none where it is bound to
/// no engine or to several, which building the model reports.
fn targets_of(system: &Node) -> BTreeMap<String, Option<&'static str>> {
    let Some(targets) = system.child("targets") else {
        let usual = USUAL_TARGETS.map(|(name, engine)| (name.to_owned(), Some(engine)));
        return usual.into();
    };
    let engine = |target: &Node| {
        let mut engines = ENGINES
            .into_iter()
            .filter(|name| target.child(name).is_some());
        engines.next().filter(|_| engines.next().is_none())
    };
    let targets = targets.fields();
    targets
        .map(|(name, target)| (name.to_owned(), engine(target)))
        .collect()
}

fn teams(system: &Node) -> Vec<wire::Team<'_>> {
    fn texts<'a>(team: &'a Node, field: &str) -> Vec<&'a str> {
        match team.child(field).map(|list| &list.value) {
            Some(Value::List(items)) => items.iter().filter_map(Node::as_str).collect(),
            _ => Vec::new(),
        }
    }
    let teams = system.child("teams");
    teams
        .into_iter()
        .flat_map(Node::fields)
        .map(|(name, team)| wire::Team {
            name,
            owns: texts(team, "owns"),
            governs: texts(team, "governs"),
        })
        .collect()
}

fn wire_files<'a>(files: &'a Files, ids: &[FileId]) -> Vec<wire::File<'a>> {
    let file = |file: &'a SourceFile| wire::File {
        name: file.name(),
        text: file.text(),
        team: file.team(),
    };
    ids.iter()
        .filter_map(|id| files.get(*id).map(file))
        .collect()
}

/// What is asked for each target.
struct Question<'a> {
    targets: Vec<String>,
    engines: &'a BTreeMap<String, Option<&'static str>>,
    teams: Vec<wire::Team<'a>>,
    files: Vec<wire::File<'a>>,
    packages: Vec<wire::Package<'a>>,
    missing: &'a [MissingPackage],
    indexes: Indexes,
    limits: Limits,
    explain: bool,
}

impl Question<'_> {
    fn ask(&self, engine: &Engine, target: &str) -> Result<Answer, EngineError> {
        let bound = self.engines[target];
        ask_and_locate(&self.files, &|files| {
            let request = Request::model(target, bound, &self.targets, &self.teams, files)
                .importing(&self.packages, self.missing)
                .explain(self.explain);
            ask(engine, &request, &self.indexes, self.limits)
        })
    }

    /// The answers for some targets in their order: as many at once as the
    /// machine has processors, so that each gets its time.
    fn ask_for_all(&self, engine: &Engine, targets: &[&str]) -> Vec<Result<Answer, EngineError>> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push((*target, self.ask(engine, target)));
            }
            done
        };
        let count = thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(targets.len());
        let mut answers: BTreeMap<&str, _> = thread::scope(|scope| {
            let workers: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
            workers
                .into_iter()
                .filter_map(|worker| worker.join().ok())
                .flatten()
                .collect()
        });
        targets
            .iter()
            .map(|target| {
                answers
                    .remove(target)
                    .unwrap_or_else(|| Err(EngineError::host_panicked()))
            })
            .collect()
    }
}

/// The answers put together.
#[derive(Default)]
struct Collected {
    answers: Vec<(String, Answer)>,
    partial: BTreeSet<FileId>,
    found: Diagnostics,
    crashed: Option<EngineError>,
}

impl Collected {
    fn take(
        &mut self,
        target: Option<&str>,
        answer: Result<Answer, EngineError>,
        words: &Words<'_>,
        limits: Limits,
    ) -> Result<(), EngineError> {
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error @ (EngineError::Crashed(_) | EngineError::Answer(_))) => {
                self.crashed.get_or_insert(error);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut faults = std::mem::take(&mut answer.faults);
        if target.is_none() {
            // Only a part of `kcc.cue` is looked at: the rest may well use it.
            faults.retain(|fault| fault.arg("reason") != "unused");
        }
        let misspelt = Misspelt::among(&faults);
        let said = faults
            .iter()
            .enumerate()
            .filter(|(at, fault)| {
                !misspelt.explains(fault) && !words.lacks_the_same_braces(fault, &faults[..*at])
            })
            .map(|(_, fault)| words.diagnostic(fault, &answer.declarations));
        let said = said.chain(
            answer
                .stopped
                .map(|stopped| words.stopped(stopped, limits, &answer.stopped_at)),
        );
        self.found.extend(said.map(|diagnostic| match target {
            Some(target) => diagnostic.target(target),
            None => diagnostic,
        }));
        self.partial.extend(answer.partial.iter());
        if answer.stopped.is_some() {
            // Then nothing may be said about what is missing.
            self.partial.extend(words.all_files());
        }
        if let Some(target) = target {
            self.answers.push((target.to_owned(), answer));
        }
        Ok(())
    }

    fn finish(
        self,
        files: Files,
        system: Node,
        targets: BTreeSet<String>,
    ) -> Result<Evaluated, EngineError> {
        // A mistake that is there without any target concerns no target.
        let everywhere: Vec<_> = self
            .found
            .iter()
            .filter(|found| found.targets.is_empty())
            .cloned()
            .collect();
        let again = |found: &kcc_diag::Diagnostic| {
            !found.targets.is_empty() && everywhere.iter().any(|other| other.same_mistake(found))
        };
        let mut found: Diagnostics = self
            .found
            .into_iter()
            .filter(|found| !again(found))
            .collect();
        found.sort(&files);
        if let Some(error) = self.crashed
            && !found.has_errors()
        {
            return Err(error);
        }
        let mut tree = ConfigTree {
            files,
            system,
            targets: BTreeMap::new(),
            declarations: BTreeMap::new(),
            policies: BTreeMap::new(),
            partial: self.partial,
            blame: BTreeMap::new(),
        };
        for (target, answer) in self.answers {
            tree.declarations
                .insert(target.clone(), answer.declarations);
            tree.policies.insert(target.clone(), answer.policies);
            tree.blame.insert(target.clone(), answer.blame);
            tree.targets.extend(answer.tree.map(|root| (target, root)));
        }
        Ok(Evaluated {
            tree,
            found,
            targets,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_located_at_its_declaration() {
        let file = |name, text| wire::File {
            name,
            text,
            team: None,
        };
        let files = [
            file("a.cue", "package s\n\njobs: x: 1\n"),
            file(
                "b.cue",
                "package s\n\nservices: {\n\tweb: bad\n\tapi: 1\n}\n",
            ),
        ];
        let ask = |files: &[wire::File<'_>]| {
            if files.iter().any(|file| file.text.contains("bad")) {
                return Err(EngineError::Crashed("index out of range".to_owned()));
            }
            Ok(Answer::default())
        };
        let answer = ask_and_locate(&files, &ask).unwrap();
        assert_eq!(answer.stopped, Some(Stopped::Panic));
        let [wire::Span(file, start, end)] = answer.stopped_at[..] else {
            panic!("{:?}", answer.stopped_at);
        };
        let text = files[file].text.get(start as usize..end as usize);
        assert_eq!(text, Some("web: bad"));
    }

    #[test]
    fn a_panic_that_does_not_happen_again_is_an_error_of_the_evaluator() {
        let asked = std::cell::Cell::new(0);
        let ask = |_: &[wire::File<'_>]| {
            asked.set(asked.get() + 1);
            match asked.get() {
                1 => Err(EngineError::Crashed("out of luck".to_owned())),
                _ => Ok(Answer::default()),
            }
        };
        assert!(matches!(
            ask_and_locate(&[], &ask),
            Err(EngineError::Crashed(_))
        ));
    }
}
