//! Evaluates fragments into the [`ConfigTree`] of all targets and the diagnostics about them.
//!
//! The field `system` is evaluated first, because it names the targets and the team of each file;
//! then every target in an instance of its own, in parallel. Nothing here reads a file: the caller
//! passes the texts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use kcc_diag::{Diagnostics, FileId, Files, SourceFile};
use kcc_tree::{ConfigTree, Engine, Node, SYSTEM_FILE, USUAL_TARGETS, Value, team_of};

use crate::{
    decode::Indexes,
    evaluator::{Evaluator, EvaluatorError, Limits, Stopped},
    exchange::{Answer, exchange, schema},
    messages::{Context, shares_missing_braces},
    narrow::{Declaration, blanked, narrow},
    packages::Imports,
    unmatched,
    wire::{self, Detail, ImportProblem, MissingPackage, Request},
};

/// A fragment: its name, relative to the system's root, and its text.
#[derive(Debug, Clone, Copy)]
pub struct Fragment<'a> {
    /// The name, with `/`.
    pub name: &'a str,
    /// The whole text.
    pub text: &'a str,
}

/// The input of an evaluation.
#[derive(Clone, Copy)]
pub struct Evaluation<'a> {
    /// The fragments, in any order.
    pub fragments: &'a [Fragment<'a>],
    /// Their imports. The files of imported packages are among `fragments`, although they are not
    /// fragments.
    pub imports: &'a Imports,
    /// The targets to evaluate, or all if empty. Unknown ones are ignored.
    pub targets: &'a BTreeSet<String>,
    /// The limits for the evaluation of one target.
    pub limits: Limits,
    /// Set to collect the blame of each path.
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

/// The result of an evaluation.
#[derive(Debug)]
pub struct Evaluated {
    /// Everything that could be evaluated, with or without errors.
    pub tree: ConfigTree,
    /// All diagnostics, sorted.
    pub found: Diagnostics,
    /// The names of all targets of the system, whether evaluated or not.
    pub targets: BTreeSet<String>,
}

/// Evaluates the fragments of a system.
pub fn evaluate(
    evaluator: &Evaluator,
    input: &Evaluation<'_>,
) -> Result<Evaluated, EvaluatorError> {
    let mut fragments = input.fragments.to_vec();
    fragments.sort_by_key(|fragment| fragment.name);
    let mut files = Files::new();
    let ids: Vec<FileId> = fragments
        .iter()
        .map(|fragment| files.add(fragment.name, fragment.text))
        .collect();

    let schema: Vec<FileId> = schema(evaluator)?
        .into_iter()
        .map(|file| files.add(file.name, file.text))
        .collect();

    let alone = system_files(&fragments, &ids, input.imports);
    let (alone, alone_ids): (Vec<Fragment<'_>>, Vec<FileId>) = alone.into_iter().unzip();
    let system_indexes = Indexes::new(&alone_ids, &schema);
    let mut first = request_system(evaluator, &alone, input, &system_indexes);
    let system = match &mut first {
        Ok(answer) => answer.tree.take().and_then(system_of),
        Err(_) => None,
    };
    let system = system.unwrap_or_else(|| Node {
        value: Value::Absent,
        origins: Vec::new(),
    });
    for (id, fragment) in ids.iter().zip(&fragments) {
        files.set_team(*id, team_of(&system, fragment.name));
    }

    let targets = targets_of(&system);
    let all_names: BTreeSet<String> = targets.keys().cloned().collect();
    let wanted: Vec<&str> = targets
        .keys()
        .filter(|target| input.targets.is_empty() || input.targets.contains(*target))
        .map(String::as_str)
        .collect();
    let requests = ModelRequests {
        targets: all_names.iter().cloned().collect(),
        engines: &targets,
        teams: teams(&system),
        files: wire_files(&files, &ids),
        indexes: Indexes::new(&ids, &schema),
        packages: input.imports.indexed(&names(&fragments)),
        missing: &input.imports.missing,
        limits: input.limits,
        explain: input.explain,
        located: Mutex::default(),
    };
    let mut answers = requests.send_all(evaluator, &wanted);
    unmatched::merge(&mut answers, wanted.len() == all_names.len());
    let has_teams = !requests.teams.is_empty();

    let mut collected = Collected::default();
    collected.add(
        None,
        first,
        &Context::new(&files, &system_indexes, has_teams),
        input.limits,
    )?;
    let context = Context::new(&files, &requests.indexes, has_teams);
    for (target, answer) in wanted.into_iter().zip(answers) {
        collected.add(Some(target), answer, &context, input.limits)?;
    }
    drop(requests);
    collected.finish(files, system, all_names)
}

/// Returns `kcc.cue`, if it exists, and the files of the packages that it may import.
fn system_files<'a>(
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
        // Without an import in `kcc.cue` the packages are not needed.
        alone.retain(|(file, _)| file.name == SYSTEM_FILE);
    }
    alone
}

fn names<'a>(fragments: &[Fragment<'a>]) -> Vec<&'a str> {
    fragments.iter().map(|fragment| fragment.name).collect()
}

fn request_system(
    evaluator: &Evaluator,
    alone: &[Fragment<'_>],
    input: &Evaluation<'_>,
    indexes: &Indexes,
) -> Result<Answer, EvaluatorError> {
    if alone.is_empty() {
        return Ok(Answer::default());
    }
    let files: Vec<wire::File<'_>> = alone
        .iter()
        .map(|file| wire::File {
            name: file.name,
            text: file.text,
            team: None,
            omitted: Vec::new(),
        })
        .collect();
    let mut packages = input.imports.indexed(&names(alone));
    packages.retain(|package| !package.files.is_empty());
    exchange_and_locate(&files, input.limits, &Mutex::default(), &|files, limits| {
        let request = Request::system(files).importing(&packages, &input.imports.missing);
        exchange(evaluator, &request, indexes, limits)
    })
}

/// Requests the answer about some files, within limits.
type Exchange<'a> = dyn Fn(&[wire::File<'_>], Limits) -> Result<Answer, EvaluatorError> + 'a;

/// The most independent declarations that are looked for at which one evaluation stops.
const ROUNDS: usize = 3;

/// The effort to spend on the search for what exhausts a limit, so that it ends when many small
/// declarations do so together.
const EFFORT: usize = 40;

/// Sends a request. If the evaluation exhausts a limit or panics, which it does without naming a
/// line, sends reduced requests until the declarations that cause it are known, and evaluates the
/// rest without them. `known` are the declarations that another target stopped at.
fn exchange_and_locate(
    files: &[wire::File<'_>],
    limits: Limits,
    known: &Mutex<Vec<Declaration>>,
    send: &Exchange<'_>,
) -> Result<Answer, EvaluatorError> {
    let answer = send(files, limits);
    let Some(stopped) = stopped_by(&answer) else {
        return answer;
    };
    let Some(limits) = trial(stopped, limits) else {
        return answer;
    };
    // One target at a time: most often they stop at the same declarations.
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let mut found = known.clone();
    let mut rest = without(files, &found, limits, send);
    if rest.is_none() {
        (found, rest) = locate(files, stopped, limits, send);
    }
    if found.is_empty() || rest.is_none() && is_exhaustion(stopped) {
        // The system as a whole may be too slow, rather than any declaration.
        return answer;
    }
    known.clone_from(&found);
    Ok(Answer {
        stopped: Some(stopped),
        stopped_at: found
            .into_iter()
            .map(|(file, at)| first_line(file, &files[file].text[at.clone()], at.start))
            .collect(),
        ..rest.unwrap_or_default()
    })
}

/// Finds the declarations that stop an evaluation, and returns the answer without them, unless that
/// evaluation stops too.
fn locate(
    files: &[wire::File<'_>],
    stopped: Stopped,
    limits: Limits,
    send: &Exchange<'_>,
) -> (Vec<Declaration>, Option<Answer>) {
    let texts: Vec<String> = files.iter().map(|file| file.text.to_owned()).collect();
    let mut found: Vec<Declaration> = Vec::new();
    let mut rest = None;
    let mut effort = EFFORT;
    for _ in 0..ROUNDS {
        let left = blanked(&texts, &found);
        let left: Vec<&str> = left.iter().map(String::as_str).collect();
        let more = narrow(&left, &mut |texts| {
            if effort == 0 {
                return false;
            }
            let files: Vec<_> = files
                .iter()
                .zip(texts)
                .map(|(file, text)| file.with_text(text, Vec::new()))
                .collect();
            let other = stopped_by(&send(&files, limits));
            let stops = other.is_some_and(|other| {
                other == stopped || is_exhaustion(other) && is_exhaustion(stopped)
            });
            if is_exhaustion(stopped) {
                // One that stops has taken all of its time.
                effort = effort.saturating_sub(if stops { 2 } else { 1 });
            }
            stops
        });
        if more.is_empty() {
            break;
        }
        found.extend(more);
        rest = without(files, &found, limits, send);
        if rest.is_some() {
            break;
        }
    }
    found.sort_by_key(|(file, at)| (*file, at.start));
    (found, rest)
}

/// Evaluates the files without some declarations; `None` if there are none, or if it stops too.
fn without(
    files: &[wire::File<'_>],
    declarations: &[Declaration],
    limits: Limits,
    send: &Exchange<'_>,
) -> Option<Answer> {
    if declarations.is_empty() {
        return None;
    }
    let texts: Vec<String> = files.iter().map(|file| file.text.to_owned()).collect();
    let texts = blanked(&texts, declarations);
    let files: Vec<_> = files
        .iter()
        .zip(&texts)
        .enumerate()
        .map(|(index, (file, text))| {
            let omitted = declarations.iter().filter(|(file, _)| *file == index);
            let omitted = omitted.map(|(_, at)| &file.text[at.clone()]).collect();
            file.with_text(text, omitted)
        })
        .collect();
    let mut answer = send(&files, limits).ok()?;
    if answer.stopped.is_some() {
        return None;
    }
    // References to the omitted declarations fail.
    let affected = |file: &wire::File<'_>| {
        let omitted = files.iter().flat_map(|file| &file.omitted);
        let mut names = omitted.filter_map(|text| private_name(text));
        !file.omitted.is_empty() || names.any(|name| file.text.contains(name))
    };
    answer.faults.retain(|fault| {
        let mut labels = fault.labels.iter();
        !labels.any(|label| files.get(label.file).is_some_and(affected))
    });
    Some(answer)
}

/// Returns the private name that a text declares.
fn private_name(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '#'));
    let name = &text[..end.unwrap_or(text.len())];
    name.starts_with(['_', '#']).then_some(name)
}

/// Returns what ended an evaluation before it had a result.
fn stopped_by(answer: &Result<Answer, EvaluatorError>) -> Option<Stopped> {
    match answer {
        Err(EvaluatorError::Crashed(_)) => Some(Stopped::Panic),
        Ok(answer) => answer.stopped,
        Err(_) => None,
    }
}

/// Returns whether an evaluation ended for lack of time or memory.
fn is_exhaustion(stopped: Stopped) -> bool {
    matches!(stopped, Stopped::Time | Stopped::Memory)
}

/// The least time for a reduced evaluation: less would say more about the machine than about the
/// fragments.
const SHORTEST_TRIAL: Duration = Duration::from_millis(500);

/// Returns the limits of the reduced evaluations, or `None` if there is no time for any. What
/// exhausts a limit exhausts a fraction of it as well, and the search takes many evaluations.
fn trial(stopped: Stopped, limits: Limits) -> Option<Limits> {
    if !is_exhaustion(stopped) {
        return Some(limits);
    }
    let trial = Limits {
        time: limits.time / 20,
        memory: limits.memory / 4,
    };
    (trial.time >= SHORTEST_TRIAL).then_some(trial)
}

/// The maximum length of a label: a line that explodes may be very long.
const MAX_LABEL: usize = 100;

/// Returns the span of the first line of a text at an offset of a file.
fn first_line(file: usize, text: &str, offset: usize) -> wire::Span {
    let line = text.trim_start();
    let start = offset + text.len() - line.len();
    let shown = line.lines().next().unwrap_or_default().trim_end();
    let length = shown.floor_char_boundary(MAX_LABEL);
    let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    wire::Span(file, byte(start), byte(start + length))
}

fn system_of(root: Node) -> Option<Node> {
    match root.value {
        Value::Struct(mut fields) => fields.remove("system"),
        _ => None,
    }
}

/// Returns the targets of a system, each with its engine. One that is bound to no engine or to
/// several, which building the model reports, has the defaults of any: without them, fields would
/// be missing that nobody left out.
fn targets_of(system: &Node) -> BTreeMap<String, Engine> {
    let Some(targets) = system.child("targets") else {
        let usual = USUAL_TARGETS.map(|(name, engine)| (name.to_owned(), engine));
        return usual.into();
    };
    let engine = |target: &Node| {
        let mut engines = Engine::ALL.into_iter();
        let bound = engines.find(|engine| target.child(engine.as_str()).is_some());
        bound.unwrap_or(Engine::Docker)
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
        omitted: Vec::new(),
    };
    ids.iter()
        .filter_map(|id| files.get(*id).map(file))
        .collect()
}

/// The common part of the requests for all targets.
struct ModelRequests<'a> {
    targets: Vec<String>,
    engines: &'a BTreeMap<String, Engine>,
    teams: Vec<wire::Team<'a>>,
    files: Vec<wire::File<'a>>,
    packages: Vec<wire::Package<'a>>,
    missing: &'a [MissingPackage],
    indexes: Indexes,
    limits: Limits,
    explain: bool,
    /// The declarations that the evaluation of a target stopped at.
    located: Mutex<Vec<Declaration>>,
}

impl ModelRequests<'_> {
    fn send(&self, evaluator: &Evaluator, target: &str) -> Result<Answer, EvaluatorError> {
        let bound = self.engines[target];
        exchange_and_locate(&self.files, self.limits, &self.located, &|files, limits| {
            let request = Request::model(target, bound, &self.targets, &self.teams, files)
                .importing(&self.packages, self.missing)
                .explain(self.explain);
            exchange(evaluator, &request, &self.indexes, limits)
        })
    }

    /// Returns the answers for some targets, in their order. No more than one per processor is
    /// evaluated at once, so that each gets its time.
    fn send_all(
        &self,
        evaluator: &Evaluator,
        targets: &[&str],
    ) -> Vec<Result<Answer, EvaluatorError>> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push((*target, self.send(evaluator, target)));
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
                    .unwrap_or_else(|| Err(EvaluatorError::host_panicked()))
            })
            .collect()
    }
}

/// Returns whether an error only says that nothing uses a name.
fn is_unused(detail: &Detail) -> bool {
    matches!(
        detail,
        Detail::UnusedName { .. }
            | Detail::Import {
                problem: ImportProblem::UnusedImport { .. },
                ..
            }
    )
}

/// The answers of all targets, merged.
#[derive(Default)]
struct Collected {
    answers: Vec<(String, Answer)>,
    partial: BTreeSet<FileId>,
    found: Diagnostics,
    crashed: Option<EvaluatorError>,
}

impl Collected {
    fn add(
        &mut self,
        target: Option<&str>,
        answer: Result<Answer, EvaluatorError>,
        context: &Context<'_>,
        limits: Limits,
    ) -> Result<(), EvaluatorError> {
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error @ (EvaluatorError::Crashed(_) | EvaluatorError::Answer(_))) => {
                self.crashed.get_or_insert(error);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut faults = std::mem::take(&mut answer.faults);
        if target.is_none() {
            // Only a part of `kcc.cue` was evaluated; the rest may use it.
            faults.retain(|fault| !is_unused(&fault.detail));
        }
        let diagnostics = faults
            .iter()
            .enumerate()
            .filter(|(at, fault)| !shares_missing_braces(fault, &faults[..*at]))
            .map(|(_, fault)| context.diagnostic(fault, &answer.declarations));
        let diagnostics = diagnostics.chain(
            answer
                .stopped
                .map(|stopped| context.stopped(stopped, limits, &answer.stopped_at)),
        );
        self.found
            .extend(diagnostics.map(|diagnostic| match target {
                Some(target) => diagnostic.target(target),
                None => diagnostic,
            }));
        self.partial.extend(answer.partial.iter());
        if answer.stopped.is_some() && answer.tree.is_none() {
            // Then nothing may be reported as missing.
            self.partial.extend(context.all_files());
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
    ) -> Result<Evaluated, EvaluatorError> {
        let mut found = self.found;
        found.sort(&files);
        if let Some(error) = self.crashed
            && !found.has_errors()
        {
            return Err(error);
        }
        let mut tree = ConfigTree {
            files: Arc::new(files),
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
            omitted: Vec::new(),
        };
        let files = [
            file("a.cue", "package s\n\njobs: x: 1\n"),
            file(
                "b.cue",
                "package s\n\nservices: {\n\tweb: bad\n\tapi: 1\n}\n",
            ),
        ];
        let ask = |files: &[wire::File<'_>], _| {
            if files.iter().any(|file| file.text.contains("bad")) {
                return Err(EvaluatorError::Crashed("index out of range".to_owned()));
            }
            Ok(answer_about(files))
        };
        let known = Mutex::default();
        let answer = exchange_and_locate(&files, Limits::default(), &known, &ask).unwrap();
        assert_eq!(answer.stopped, Some(Stopped::Panic));
        assert_eq!(
            answer.matched,
            [wire::Span(1, 0, 8)],
            "the rest is evaluated"
        );
        let [wire::Span(file, start, end)] = answer.stopped_at[..] else {
            panic!("{:?}", answer.stopped_at);
        };
        let text = files[file].text.get(start as usize..end as usize);
        assert_eq!(text, Some("web: bad"));
    }

    /// An answer that shows what the request left out of which file.
    fn answer_about(files: &[wire::File<'_>]) -> Answer {
        let omitted = files.iter().enumerate().flat_map(|(index, file)| {
            let texts = file.omitted.iter();
            texts.map(move |text| wire::Span(index, 0, u32::try_from(text.trim().len()).unwrap()))
        });
        Answer {
            matched: omitted.collect(),
            ..Answer::default()
        }
    }

    #[test]
    fn exhaustion_is_located_with_less_of_the_limit() {
        let text = "package s\n\n_x: slow\n_y: fine\n_z: huge\n";
        let file = wire::File {
            name: "a.cue",
            text,
            team: None,
            omitted: Vec::new(),
        };
        let limits = Limits {
            time: Duration::from_secs(20),
            memory: 1 << 30,
        };
        let ask = |files: &[wire::File<'_>], given: Limits| {
            let text = files[0].text;
            let stopped = match () {
                () if text.contains("slow") => Some(Stopped::Time),
                () if text.contains("huge") => Some(Stopped::Memory),
                () => None,
            };
            assert!(given == limits || given.time == Duration::from_secs(1));
            Ok(Answer {
                stopped,
                ..answer_about(files)
            })
        };
        let known = Mutex::default();
        let answer = exchange_and_locate(&[file], limits, &known, &ask).unwrap();
        assert_eq!(answer.stopped, Some(Stopped::Time));
        let lines = answer.stopped_at.iter();
        let lines: Vec<_> = lines
            .map(|wire::Span(_, start, end)| &text[*start as usize..*end as usize])
            .collect();
        assert_eq!(lines, ["_x: slow", "_z: huge"]);
    }

    #[test]
    fn a_system_that_is_slow_as_a_whole_has_no_slow_declaration() {
        let file = wire::File {
            name: "a.cue",
            text: "package s\n\n_x: 1\n_y: 2\n_z: 3\n_w: 4\n_v: 5\n_u: 6\n_t: 7\n_s: 8\n",
            team: None,
            omitted: Vec::new(),
        };
        let ask = |files: &[wire::File<'_>], _| {
            let slow = files[0].text.contains(':');
            Ok(Answer {
                stopped: slow.then_some(Stopped::Time),
                ..Answer::default()
            })
        };
        let answer =
            exchange_and_locate(&[file], Limits::default(), &Mutex::default(), &ask).unwrap();
        assert!(answer.stopped_at.is_empty());
    }

    #[test]
    fn a_panic_that_does_not_happen_again_is_an_error_of_the_evaluator() {
        let asked = std::cell::Cell::new(0);
        let ask = |_: &[wire::File<'_>], _| {
            asked.set(asked.get() + 1);
            match asked.get() {
                1 => Err(EvaluatorError::Crashed("out of luck".to_owned())),
                _ => Ok(Answer::default()),
            }
        };
        assert!(matches!(
            exchange_and_locate(&[], Limits::default(), &Mutex::default(), &ask),
            Err(EvaluatorError::Crashed(_))
        ));
    }
}
