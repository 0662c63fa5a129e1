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
    sync::{Arc, Mutex},
    thread,
};

use kcc_diag::{Diagnostics, FileId, Files, SourceFile};
use kcc_tree::{ConfigTree, Engine, Node, SYSTEM_FILE, USUAL_TARGETS, Value, team_of};

use crate::{
    decode::Indexes,
    evaluator::{Budget, Evaluator, EvaluatorError, Limits},
    exchange::{Answer, exchange, schema},
    locate::{self, Found},
    messages::{Context, shares_missing_braces},
    narrow::weight,
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
    /// The files of kcc's schema, which are among those of the tree.
    pub schema: Vec<FileId>,
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
    let request_files = wire_files(&files, &ids);
    let requests = ModelRequests {
        targets: all_names.iter().cloned().collect(),
        engines: &targets,
        teams: teams(&system),
        budget: budget(input.limits, &request_files),
        files: request_files,
        indexes: Indexes::new(&ids, &schema),
        packages: input.imports.indexed(&names(&fragments)),
        missing: &input.imports.missing,
        explain: input.explain,
        found: Mutex::default(),
    };
    let mut answers = requests.send_all(evaluator, &wanted);
    unmatched::merge(&mut answers, wanted.len() == all_names.len());
    let has_teams = !requests.teams.is_empty();

    let mut collected = Collected::default();
    collected.add(
        None,
        first,
        &Context::new(&files, &system_indexes, has_teams),
    )?;
    let context = Context::new(&files, &requests.indexes, has_teams);
    for (target, answer) in wanted.into_iter().zip(answers) {
        collected.add(Some(target), answer, &context)?;
    }
    drop(requests);
    let (tree, found) = collected.finish(files, system)?;
    Ok(Evaluated {
        tree,
        found,
        targets: all_names,
        schema,
    })
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

fn budget(limits: Limits, files: &[wire::File<'_>]) -> Budget {
    limits.budget(files.iter().map(|file| weight(file.text)).sum())
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
    let budget = budget(input.limits, &files);
    locate::evaluate(&files, budget, &Mutex::default(), &|files, budget| {
        let request = Request::system(files).importing(&packages, &input.imports.missing);
        exchange(evaluator, &request, indexes, budget)
    })
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
    budget: Budget,
    explain: bool,
    /// The declarations that the evaluation of a target stopped at.
    found: Mutex<Vec<Found>>,
}

impl ModelRequests<'_> {
    fn send(&self, evaluator: &Evaluator, target: &str) -> Result<Answer, EvaluatorError> {
        let bound = self.engines[target];
        locate::evaluate(&self.files, self.budget, &self.found, &|files, budget| {
            let request = Request::model(target, bound, &self.targets, &self.teams, files)
                .importing(&self.packages, self.missing)
                .explain(self.explain);
            exchange(evaluator, &request, &self.indexes, budget)
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
        let diagnostics = diagnostics.chain(answer.stops.iter().map(|stop| context.stopped(stop)));
        self.found
            .extend(diagnostics.map(|diagnostic| match target {
                Some(target) => diagnostic.target(target),
                None => diagnostic,
            }));
        self.partial.extend(answer.partial.iter());
        if !answer.stops.is_empty() && answer.tree.is_none() {
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
    ) -> Result<(ConfigTree, Diagnostics), EvaluatorError> {
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
        Ok((tree, found))
    }
}
