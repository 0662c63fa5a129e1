//! The pipeline from a folder to the desired state of its targets:
//!
//! ```text
//! load → evaluate → examine → lower
//! ```
//!
//! Each stage is one function from the result of the stage before. A stage works
//! on whatever the one before could produce, so that one run reports the
//! mistakes of all stages; it fails once, at its end. The commands' needs
//! ([`check`], [`compile`], [`model`], [`traced`]) are short tails of the
//! pipeline. Nothing here prints but the warnings of commands whose output is
//! something else.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use kcc_cue::{Evaluation, Evaluator, Fragment};
use kcc_diag::{Code, Diagnostics, Files, Outcome, nearest};
use kcc_lower::Lowered;
use kcc_model::{CheckedModel, ReferencedFiles};
use kcc_tree::{ConfigTree, SYSTEM_FILE};

use crate::{
    args,
    compiled::Compiled,
    context::Context,
    examined::Examined,
    failure::{Failure, Findings},
    load::{BuildContexts, Root, Sources, team_folders},
    overrides,
    printer::Stdout,
    settings::Settings,
};

/// The targets that a command is about: all, unless some are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets(BTreeSet<String>);

impl Targets {
    /// Returns the named targets, or all if none is named.
    pub fn of(names: &[String]) -> Self {
        Self(names.iter().cloned().collect())
    }

    /// Returns true if a target is one of them.
    pub fn contain(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.contains(name)
    }
}

/// The result of loading: a system's folder and the files in it.
struct Loaded {
    root: Root,
    sources: Sources,
}

/// The result of evaluation.
struct Evaluated {
    evaluator: Evaluator,
    tree: ConfigTree,
    found: Diagnostics,
    /// The targets of the system, evaluated or not.
    known: BTreeSet<String>,
}

/// Finds the system's folder and reads the files in it.
fn load(settings: &Settings, dir: Option<&Path>) -> Result<Loaded, Failure> {
    let here = &settings.environment.folder;
    let root = Root::find(here, &settings.folder_named(dir)).map_err(|no_system| {
        let unreadable = no_system.code == Code::LoadUnreadable;
        failed(Diagnostics::from(*no_system).into(), unreadable)
    })?;
    let sources = root.sources();
    if sources.problems.of(SYSTEM_FILE).is_some() {
        // Without `kcc.cue` nothing is known about any other file.
        let mut files = Files::new();
        let findings = Findings {
            diagnostics: sources.problems.report(&mut files, None),
            files: Arc::new(files),
            folder: root.shown().to_owned(),
            ..Findings::default()
        };
        return Err(failed(findings, sources.problems.is_environment()));
    }
    Ok(Loaded { root, sources })
}

/// Evaluates the targets and reports the problems that loading found.
fn evaluate(
    loaded: &Loaded,
    settings: &Settings,
    targets: &Targets,
    blame: bool,
) -> Result<Evaluated, Failure> {
    let Loaded { root, sources } = loaded;
    let evaluator = Evaluator::new()?;
    let kcc_cue::Evaluated {
        mut tree,
        mut found,
        targets: known,
    } = evaluate_targets(&evaluator, sources, settings, &targets.0, blame)?;
    let files = Arc::make_mut(&mut tree.files);
    found.extend(sources.problems.report(files, Some(&tree.system)));
    // A file that could not be read may declare what seems to be missing.
    let problems = sources.problems.iter();
    let unread = problems.filter_map(|problem| tree.files.find(&problem.name));
    tree.partial.extend(unread);
    found.extend(team_folders(root, &tree.system));
    if let Some(codeowners) = &sources.codeowners {
        let names = sources.fragments.iter().map(|fragment| &*fragment.name);
        found.extend(codeowners.assign(&mut tree, &names.collect::<Vec<_>>()));
    }
    let unknown = targets.0.iter().find(|target| !known.contains(*target));
    if let (Some(unknown), false) = (unknown, found.has_errors()) {
        return Err(no_target(unknown, &known));
    }
    Ok(Evaluated {
        evaluator,
        tree,
        found,
        known,
    })
}

fn evaluate_targets(
    evaluator: &Evaluator,
    sources: &Sources,
    settings: &Settings,
    targets: &BTreeSet<String>,
    blame: bool,
) -> Result<kcc_cue::Evaluated, Failure> {
    let fragments = sources.fragments.iter().map(|file| Fragment {
        name: &file.name,
        text: &file.text,
    });
    let evaluation = Evaluation {
        fragments: &fragments.collect::<Vec<_>>(),
        imports: &sources.imports,
        targets,
        limits: settings.limits,
        explain: blame,
    };
    Ok(kcc_cue::evaluate(evaluator, &evaluation)?)
}

/// Builds the model and checks the rules.
fn examine(
    loaded: Loaded,
    evaluated: Evaluated,
    settings: &Settings,
    targets: &Targets,
) -> Result<Examined, Failure> {
    let Loaded { root, sources } = loaded;
    let Evaluated {
        evaluator,
        mut tree,
        found,
        known,
    } = evaluated;
    let contexts = BuildContexts::of(&root);
    let files = ReferencedFiles {
        read: &|name| root.file(name),
        check_exists: &|name| root.there(name),
        hash_context: &|build| contexts.hash(build),
    };
    let mut outcome = kcc_model::examine(&tree, found.clone(), files);
    let misses_a_need = |found: &Diagnostics| {
        let mut codes = found.iter().map(|found| found.code);
        codes.any(|code| code == Code::CheckUnknownNeed)
    };
    if outcome.as_ref().is_err_and(misses_a_need) && tree.targets.len() < known.len() {
        // The component may run in another target: then the message says so.
        let others = known.into_iter().filter(|target| !targets.contain(target));
        let others = evaluate_targets(&evaluator, &sources, settings, &others.collect(), false)?;
        tree.declarations.extend(others.tree.declarations);
        outcome = kcc_model::examine(&tree, found, files);
    }
    match outcome {
        Ok(checked) => Ok(Examined {
            model: Arc::new(overrides::apply(checked.value, settings)?),
            warnings: checked.warnings,
            tree: Arc::new(tree),
            root,
        }),
        Err(diagnostics) => Err(failed(
            Findings {
                diagnostics,
                files: tree.files,
                targets: tree.targets.into_keys().collect(),
                folder: root.shown().to_owned(),
            },
            sources.problems.is_environment(),
        )),
    }
}

/// Lowers the model of one target to the desired state of its engine.
fn lower(system: &Examined, target: &str, instance: Option<&str>) -> Outcome<Lowered> {
    kcc_lower::lower(&system.tree, &system.model, target, instance)
}

/// Runs all stages but the last.
fn examined(
    settings: &Settings,
    dir: Option<&Path>,
    targets: &Targets,
    blame: bool,
) -> Result<Examined, Failure> {
    let loaded = load(settings, dir)?;
    let evaluated = evaluate(&loaded, settings, targets, blame)?;
    examine(loaded, evaluated, settings, targets)
}

/// The result of `kcc check`.
#[derive(Debug)]
pub struct Checked {
    /// Warnings; errors are a [`Failure`].
    pub findings: Findings,
    /// The number of components in all targets together.
    pub components: usize,
    /// The number of teams.
    pub teams: usize,
    /// The targets that were checked.
    pub targets: Vec<String>,
}

/// Checks a system for some targets, their lowering included.
pub fn check(context: &Context, dir: Option<&Path>, targets: &Targets) -> Result<Checked, Failure> {
    let mut system = examined(&context.settings, dir, targets, false)?;
    let mut found = std::mem::take(&mut system.warnings);
    let mut refused = false;
    for target in system.model.targets.keys() {
        match lower(&system, target, None) {
            Ok(lowered) => found.extend(lowered.warnings),
            Err(errors) => {
                refused = true;
                found.extend(errors);
            }
        }
    }
    let findings = system.findings(found);
    if refused {
        return Err(Failure::Configuration(findings));
    }
    let models = system.model.targets.values();
    let components: BTreeSet<&String> = models.flat_map(|model| model.components.keys()).collect();
    Ok(Checked {
        findings,
        components: components.len(),
        teams: system.model.teams.len(),
        targets: system.model.targets.keys().cloned().collect(),
    })
}

/// Compiles one target; writes warnings to stderr.
pub fn compile(context: &Context, dir: Option<&Path>, target: &str) -> Result<Compiled, Failure> {
    compile_instance(context, dir, target, None)
}

/// Compiles the target, or the instance of it, that a command works on; writes
/// warnings to stderr.
pub fn compile_scope(context: &Context, scope: &args::Target) -> Result<Compiled, Failure> {
    let (dir, instance) = (scope.system.dir.as_deref(), scope.instance.as_deref());
    compile_instance(context, dir, &scope.target, instance)
}

fn compile_instance(
    context: &Context,
    dir: Option<&Path>,
    target: &str,
    instance: Option<&str>,
) -> Result<Compiled, Failure> {
    let targets = Targets::of(&[target.to_owned()]);
    let mut system = examined(&context.settings, dir, &targets, false)?;
    let mut found = std::mem::take(&mut system.warnings);
    let lowered = match lower(&system, target, instance) {
        Ok(lowered) => {
            found.extend(lowered.warnings);
            lowered.value
        }
        Err(errors) => {
            found.extend(errors);
            return Err(Failure::Configuration(system.findings(found)));
        }
    };
    let warnings = system.findings(found);
    context.printer.findings(&warnings, Stdout::Data);
    Ok(Compiled {
        root: system.root,
        tree: system.tree,
        model: system.model,
        lowered: Arc::new(lowered),
    })
}

/// Builds the checked model of some targets; writes warnings to stderr.
pub fn model(
    context: &Context,
    dir: Option<&Path>,
    targets: &Targets,
) -> Result<Arc<CheckedModel>, Failure> {
    let mut system = examined(&context.settings, dir, targets, false)?;
    let found = std::mem::take(&mut system.warnings);
    context
        .printer
        .findings(&system.findings(found), Stdout::Data);
    Ok(system.model)
}

/// Builds the checked model of some targets with the origins of its values, and
/// with their blame if asked for; writes warnings to stderr.
pub fn traced(
    context: &Context,
    dir: Option<&Path>,
    targets: &Targets,
    blame: bool,
) -> Result<Examined, Failure> {
    let mut system = examined(&context.settings, dir, targets, blame)?;
    let found = std::mem::take(&mut system.warnings);
    context
        .printer
        .findings(&system.findings(found), Stdout::Data);
    system.give_files_to_the_only_team();
    Ok(system)
}

fn failed(findings: Findings, unreadable: bool) -> Failure {
    if unreadable {
        Failure::Unavailable(findings)
    } else {
        Failure::Configuration(findings)
    }
}

fn no_target(name: &str, known: &BTreeSet<String>) -> Failure {
    let help = if let Some(near) = nearest(name, known.iter().map(String::as_str)) {
        format!("did you mean `{near}`?")
    } else {
        let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        format!("the targets are {}", known.join(", "))
    };
    Failure::usage(format!("there is no target `{name}`"), help)
}
