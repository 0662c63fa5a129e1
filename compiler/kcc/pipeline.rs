//! The pipeline from a directory to the desired state of its targets:
//!
//! ```text
//! load → evaluate → examine → lower
//! ```
//!
//! Each stage is one function from the result of the stage before; the last one is
//! [`Examined::lower`], which everything that has an examined system may call. A
//! stage works on whatever the one before could produce, so that one run reports
//! the mistakes of all stages; it fails once, at its end. A check whose outcome is in the
//! [`cache`](crate::cache) ends after loading. What commands need
//! ([`check`], [`compile`], [`model`], [`traced`]) are short tails of the pipeline.
//! Nothing here prints but the warnings of commands whose output is something else.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    slice,
    sync::Arc,
};

use kcc_cue::Evaluator;
use kcc_diag::{Code, Diagnostic, Diagnostics, FileId, Files, Outcome, Span, nearest};
use kcc_lock::{LOCK_FILE, Lock};
use kcc_model::{CheckedModel, ImageUse, Name, ReferencedFiles};
use kcc_tree::{ConfigTree, SYSTEM_FILE};

use crate::{
    args,
    cache::{
        Store,
        outcome::{self, CachedOutcome},
    },
    checked::Checked,
    compiled::Compiled,
    context::Context,
    copied, editor, evaluation,
    examined::Examined,
    failure::{Diagnosis, Failure},
    load::{Observer, Question, Root, Sources, check_team_directories, instance_of},
    overrides, runtime,
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

/// The result of loading: a system's root and the files below it.
struct Loaded {
    root: Root,
    sources: Sources,
}

/// The result of evaluation.
struct Evaluated {
    evaluator: Evaluator,
    tree: Arc<ConfigTree>,
    /// All diagnostics of loading and evaluation.
    found: Diagnostics,
    /// The targets of the system, evaluated or not.
    known: BTreeSet<String>,
    /// The files of kcc's schema.
    schema: Vec<FileId>,
}

/// Finds the system's root and reads the files below it.
fn load(settings: &Settings, dir: Option<&Path>) -> Result<Loaded, Failure> {
    let here = &settings.environment.current_dir;
    let root = Root::find(here, &settings.dir_named(dir)).map_err(|no_system| {
        let unreadable = no_system.code == Code::LoadUnreadable;
        failed(Diagnostics::from(*no_system).into(), unreadable)
    })?;
    let sources = root.sources();
    if sources.problems.of(SYSTEM_FILE).is_some() {
        // Without `kcc.cue` nothing is known about any other file.
        let mut files = Files::new();
        let diagnosis = Diagnosis {
            diagnostics: sources.problems.report(&mut files, None),
            files: Arc::new(files),
            root: root.shown().to_owned(),
            ..Diagnosis::default()
        };
        return Err(failed(diagnosis, sources.problems.is_environment()));
    }
    Ok(Loaded { root, sources })
}

/// Evaluates the targets, and adds what only the files themselves say.
fn evaluate(
    loaded: &Loaded,
    files: &Observer<'_>,
    settings: &Settings,
    targets: &Targets,
    blame: bool,
) -> Result<Evaluated, Failure> {
    let evaluator = evaluation::evaluator(settings.cache.as_deref());
    let kcc_cue::Evaluated {
        mut tree,
        mut found,
        targets: known,
        schema,
    } = evaluation::evaluate(
        &evaluator,
        &loaded.sources,
        &targets.0,
        settings.limits,
        blame,
    )?;
    found.extend(add_sources(loaded, files, &mut tree));
    let unknown = targets.0.iter().find(|target| !known.contains(*target));
    if let (Some(unknown), false) = (unknown, found.has_errors()) {
        return Err(no_target(unknown, &known));
    }
    Ok(Evaluated {
        evaluator,
        tree: Arc::new(tree),
        found,
        known,
        schema,
    })
}

/// Adds the files that could not be read and the owners in CODEOWNERS to a tree.
/// Returns what is wrong with either, and with the directories of teams.
fn add_sources(loaded: &Loaded, files: &Observer<'_>, tree: &mut ConfigTree) -> Diagnostics {
    let sources = &loaded.sources;
    let table = Arc::make_mut(&mut tree.files);
    let mut found = sources.problems.report(table, Some(&tree.system));
    // A file that could not be read may declare what seems to be missing.
    let problems = sources.problems.iter();
    let problems = problems.filter(|problem| problem.name != LOCK_FILE);
    let unread = problems.filter_map(|problem| tree.files.find(&problem.name));
    tree.partial.extend(unread);
    found.extend(check_team_directories(files, &tree.system));
    if let Some(codeowners) = &sources.codeowners {
        let names = sources.cue_files.iter().map(|file| &*file.name);
        found.extend(codeowners.assign(tree, &names.collect::<Vec<_>>()));
    }
    found
}

/// Builds the model and checks the rules.
fn examine(
    loaded: &Loaded,
    files: &Observer<'_>,
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
        schema,
    } = evaluated;
    let examine = |tree: &ConfigTree, found| {
        with_files(loaded, files, |files| {
            kcc_model::examine(tree, found, files)
        })
    };
    let mut outcome = examine(&tree, found.clone());
    let misses_a_need = |found: &Diagnostics| {
        let mut codes = found.iter().map(|found| found.code);
        codes.any(|code| code == Code::CheckUnknownNeed)
    };
    if outcome.as_ref().is_err_and(misses_a_need) && tree.targets.len() < known.len() {
        // The component may run in another target: then the message says so.
        let others = known.into_iter().filter(|target| !targets.contain(target));
        let others = others.collect();
        let others = evaluation::evaluate(&evaluator, sources, &others, settings.limits, false)?;
        let tree = Arc::make_mut(&mut tree);
        tree.declarations.extend(others.tree.declarations);
        outcome = examine(tree, found);
    }
    match outcome {
        Ok(checked) => Ok(Examined {
            model: Arc::new(overrides::apply(checked.value, settings)?),
            warnings: checked.warnings,
            tree,
            schema,
            root: root.clone(),
        }),
        Err(diagnostics) => Err(failed(
            Diagnosis::of(&tree, root.shown(), diagnostics),
            sources.problems.is_environment(),
        )),
    }
}

/// Calls a function with access to the files that fragments refer to.
fn with_files<T>(
    loaded: &Loaded,
    files: &Observer<'_>,
    work: impl FnOnce(ReferencedFiles<'_>) -> T,
) -> T {
    work(ReferencedFiles {
        read: &|name| files.file(name),
        list: &|name| files.list(name),
        check_exists: &|name| files.there(name),
        hash_context: &|build| files.context(build),
        images: &loaded.sources.lock.images,
    })
}

/// Runs all stages but the last.
pub fn examined(
    settings: &Settings,
    dir: Option<&Path>,
    targets: &Targets,
    blame: bool,
) -> Result<Examined, Failure> {
    let loaded = load(settings, dir)?;
    examined_sources(
        &loaded,
        &Observer::of(&loaded.root),
        settings,
        targets,
        blame,
    )
}

/// Runs the stages between the first and the last.
fn examined_sources(
    loaded: &Loaded,
    files: &Observer<'_>,
    settings: &Settings,
    targets: &Targets,
    blame: bool,
) -> Result<Examined, Failure> {
    let evaluated = evaluate(loaded, files, settings, targets, blame)?;
    examine(loaded, files, evaluated, settings, targets)
}

/// Everything that the outcome of a check depends on.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The key of the sources; none if they could not be loaded.
    key: Option<String>,
    /// The answers about other files.
    answers: Vec<(Question, String)>,
}

impl Inputs {
    /// Returns true if the same check may have another outcome by now.
    pub fn have_changed(&self, context: &Context, dir: Option<&Path>, targets: &Targets) -> bool {
        let settings = &context.settings;
        let Ok(loaded) = load(settings, dir) else {
            return self.key.is_some();
        };
        let key = outcome::key(&loaded.sources, settings, &targets.0);
        self.key != Some(key) || !Observer::of(&loaded.root).confirms(&self.answers)
    }
}

/// Checks a system for some targets, their lowering included. An outcome that the cache
/// has is not found again.
pub fn check(context: &Context, dir: Option<&Path>, targets: &Targets) -> Result<Checked, Failure> {
    check_with_inputs(context, dir, targets).0
}

/// Checks a system for some targets; returns also what the outcome depends on.
pub fn check_with_inputs(
    context: &Context,
    dir: Option<&Path>,
    targets: &Targets,
) -> (Result<Checked, Failure>, Inputs) {
    let settings = &context.settings;
    let loaded = match load(settings, dir) {
        Ok(loaded) => loaded,
        Err(failure) => return (Err(failure), Inputs::default()),
    };
    let key = outcome::key(&loaded.sources, settings, &targets.0);
    let store = settings.cache.clone().map(Store::new);
    let known = store.as_ref();
    let known = known.and_then(|store| CachedOutcome::read(store, &key, &loaded.root));
    let (checked, answers) = known.unwrap_or_else(|| {
        let files = Observer::of(&loaded.root);
        let checked = check_sources(&loaded, &files, settings, targets);
        let answers = files.answers();
        if let Some(store) = &store {
            CachedOutcome::write(store, &key, &checked, &answers);
        }
        (checked, answers)
    });
    let key = Some(key);
    (checked, Inputs { key, answers })
}

/// Checks loaded sources for some targets. The result depends on nothing but the
/// arguments.
fn check_sources(
    loaded: &Loaded,
    files: &Observer<'_>,
    settings: &Settings,
    targets: &Targets,
) -> Result<Checked, Failure> {
    let system = examined_sources(loaded, files, settings, targets, false)?;
    let targets = system.model.targets.keys();
    let lowered: Vec<Outcome<_>> = targets.map(|target| system.lower(target)).collect();
    let refused = lowered.iter().any(Result::is_err);
    let found = lowered
        .into_iter()
        .flat_map(|lowered| lowered.map_or_else(|errors| errors, |desired| desired.warnings));
    let diagnosis = system.diagnosis(found);
    if refused {
        return Err(Failure::Configuration(diagnosis));
    }
    let models = system.model.targets.values();
    let components: BTreeSet<&String> = models.flat_map(|model| model.components.keys()).collect();
    Ok(Checked {
        diagnosis,
        components: components.len(),
        teams: system.model.teams.len(),
        targets: system.model.targets.keys().cloned().collect(),
        has_old_schema: has_old_schema(&system, files),
    })
}

/// Returns true if the schema for editors is there, and is not that of this kcc.
fn has_old_schema(system: &Examined, files: &Observer<'_>) -> bool {
    if files.there(&format!("{}/", editor::SCHEMA)).is_err() {
        return false;
    }
    let schema = system.schema.iter();
    let schema = schema.filter_map(|id| system.tree.files.get(*id));
    let mut vendored = schema.filter_map(|file| editor::vendored(file.name(), file.text()));
    vendored
        .any(|(name, text)| files.text(&format!("{}/{name}", editor::SCHEMA)).as_ref() != Ok(&text))
}

/// Compiles one target; writes warnings to stderr.
pub fn compile(context: &Context, dir: Option<&Path>, target: &str) -> Result<Compiled, Failure> {
    let targets = Targets::of(&[target.to_owned()]);
    let system = examined(&context.settings, dir, &targets, false)?;
    lowered(context, system, target, Instance::default())
}

/// Compiles the target, or the instance of it, that a command works on; writes
/// warnings to stderr. An instance shares what its record says.
pub fn compile_scope(
    context: &Context,
    dir: Option<&Path>,
    scope: &args::ScopeArgs,
) -> Result<Compiled, Failure> {
    compile_sharing(context, dir, scope, &args::ShareArgs::default())
}

/// Compiles an instance that shares components with its target, beside those that its
/// record names.
pub fn compile_sharing(
    context: &Context,
    dir: Option<&Path>,
    scope: &args::ScopeArgs,
    share: &args::ShareArgs,
) -> Result<Compiled, Failure> {
    compile_instance(context, dir, scope, Instance::remembering(scope, share))
}

/// Compiles the same without asking the engine.
pub fn compile_offline(
    context: &Context,
    dir: Option<&Path>,
    scope: &args::ScopeArgs,
    share: &args::ShareArgs,
) -> Result<Compiled, Failure> {
    compile_instance(context, dir, scope, Instance::of(scope, share))
}

fn compile_instance(
    context: &Context,
    dir: Option<&Path>,
    scope: &args::ScopeArgs,
    instance: Instance<'_>,
) -> Result<Compiled, Failure> {
    if let Some(capsule) = &scope.capsule {
        return copied::find(context, capsule);
    }
    let targets = Targets::of(slice::from_ref(&scope.target));
    let system = examined(&context.settings, dir, &targets, false)?;
    lowered(context, system, &scope.target, instance)
}

/// Compiles a target with other texts of some files, which are not on the disk yet, and
/// checks all targets with them.
pub fn compile_edited(
    context: &Context,
    scope: &args::ScopeArgs,
    texts: &BTreeMap<String, String>,
) -> Result<Compiled, Failure> {
    let settings = &context.settings;
    let mut loaded = load(settings, None)?;
    for file in &mut loaded.sources.cue_files {
        if let Some(text) = texts.get(&file.name) {
            file.text.clone_from(text);
        }
    }
    let all = Targets::of(&[]);
    let system = examined_sources(&loaded, &Observer::of(&loaded.root), settings, &all, false)?;
    let targets = system.model.targets.keys();
    let lowered = targets.map(|target| system.lower(target));
    let errors: Vec<_> = lowered.filter_map(Result::err).collect();
    if !errors.is_empty() {
        let diagnosis = system.diagnosis(errors.into_iter().flatten());
        return Err(Failure::Configuration(diagnosis));
    }
    let instance = Instance::remembering(scope, &args::ShareArgs::default());
    self::lowered(context, system, &scope.target, instance)
}

/// Formats texts of a file; one with a syntax error has no formatted text.
pub fn formatted<const N: usize>(
    context: &Context,
    name: &str,
    texts: [&str; N],
) -> Result<[Option<String>; N], Failure> {
    let evaluator = evaluation::evaluator(context.settings.cache.as_deref());
    let mut formatted = [const { None }; N];
    for (text, result) in texts.into_iter().zip(&mut formatted) {
        let sources = [kcc_cue::Fragment { name, text }];
        let mut done = kcc_cue::format(&evaluator, &sources, context.settings.limits)?;
        *result = done.texts.pop().flatten();
    }
    Ok(formatted)
}

/// Finds the scope of a target, and the engine that it is on, without asking whether the
/// fragments are right: what was applied before does not depend on them. The desired
/// state has no component.
pub fn locate(context: &Context, scope: &args::ScopeArgs) -> Result<Compiled, Failure> {
    locate_in(context, None, scope)
}

/// Finds the scope of a target of the system in a directory.
pub fn locate_in(
    context: &Context,
    dir: Option<&Path>,
    scope: &args::ScopeArgs,
) -> Result<Compiled, Failure> {
    if let Some(capsule) = &scope.capsule {
        return copied::find(context, capsule);
    }
    let settings = &context.settings;
    let targets = Targets::of(slice::from_ref(&scope.target));
    let loaded = load(settings, dir)?;
    let files = Observer::of(&loaded.root);
    let evaluated = evaluate(&loaded, &files, settings, &targets, false)?;
    let Evaluated {
        tree, found, known, ..
    } = evaluated;
    let mut model = CheckedModel::without_components(&tree);
    if !model.targets.contains_key(&scope.target) {
        if found.has_errors() {
            let diagnosis = Diagnosis::of(&tree, loaded.root.shown(), found);
            return Err(failed(diagnosis, loaded.sources.problems.is_environment()));
        }
        return Err(no_target(&scope.target, &known));
    }
    model = overrides::apply(model, settings)?;
    let system = Examined {
        root: loaded.root,
        tree,
        model: Arc::new(model),
        schema: Vec::new(),
        warnings: Diagnostics::new(),
    };
    let instance = Instance::of(scope, &args::ShareArgs::default());
    lowered(context, system, &scope.target, instance)
}

/// An instance of a target; without a name the target itself.
#[derive(Debug, Default)]
struct Instance<'a> {
    name: Option<&'a str>,
    /// The components to share with the target.
    shared: BTreeSet<Name>,
    /// True to share those as well that the record of the instance names.
    remembers: bool,
}

impl<'a> Instance<'a> {
    fn of(scope: &'a args::ScopeArgs, share: &args::ShareArgs) -> Self {
        Self {
            name: scope.instance.as_deref(),
            shared: share.share.iter().cloned().collect(),
            remembers: false,
        }
    }

    fn remembering(scope: &'a args::ScopeArgs, share: &args::ShareArgs) -> Self {
        Self {
            remembers: true,
            ..Self::of(scope, share)
        }
    }
}

/// Lowers one target of a system, or an instance of it; writes warnings to stderr.
fn lowered(
    context: &Context,
    mut system: Examined,
    target: &str,
    mut instance: Instance<'_>,
) -> Result<Compiled, Failure> {
    let of_worktree = (instance.name == Some(args::AUTO)).then(|| {
        let variables = &context.settings.environment.variables;
        let user = variables.get("USER").map_or("", String::as_str);
        instance_of(&system.root, user)
    });
    let name = of_worktree.as_deref().or(instance.name);
    let lower = |system: &mut Examined, shared: &BTreeSet<Name>| match system
        .lower_instance(target, name, shared)
    {
        Ok(lowered) => {
            system.warnings.extend(lowered.warnings);
            Ok(lowered.value)
        }
        Err(errors) => Err(Failure::Configuration(system.diagnosis(errors))),
    };
    let lowered = lower(&mut system, &instance.shared)?;
    system.print_warnings(&context.printer);
    let mut compiled = Compiled {
        root: system.root.clone(),
        tree: system.tree.clone(),
        model: system.model.clone(),
        lowered: Arc::new(lowered),
    };
    if name.is_some() && instance.remembers {
        let options = runtime::options(context, &compiled);
        let mut remembered = runtime::shared(&compiled, &options)?;
        // A component that is no longer declared goes, with everything that used it.
        let components = &compiled.target_model().components;
        remembered.retain(|name| components.contains_key(name) && !instance.shared.contains(name));
        if !remembered.is_empty() {
            instance.shared.extend(remembered);
            compiled = compiled.with(Arc::new(lower(&mut system, &instance.shared)?));
        }
    }
    Ok(compiled)
}

/// Builds the checked model of some targets; writes warnings to stderr.
pub fn model(
    context: &Context,
    dir: Option<&Path>,
    targets: &Targets,
) -> Result<Arc<CheckedModel>, Failure> {
    let mut system = examined(&context.settings, dir, targets, false)?;
    system.print_warnings(&context.printer);
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
    system.print_warnings(&context.printer);
    system.give_files_to_the_only_team();
    Ok(system)
}

/// The images that a system uses.
#[derive(Debug)]
pub struct UsedImages {
    /// The system's root.
    pub root: Root,
    /// The values with their origins.
    pub tree: Arc<ConfigTree>,
    /// The images, by reference.
    pub used: BTreeMap<String, ImageUse>,
    /// The facts that are known.
    pub lock: Lock,
}

/// Finds the images that a system uses in some targets. What is only wrong until
/// facts about them are known is not reported.
pub fn used_images(context: &Context, targets: &Targets) -> Result<UsedImages, Failure> {
    let loaded = load(&context.settings, None)?;
    let files = Observer::of(&loaded.root);
    let evaluated = evaluate(&loaded, &files, &context.settings, targets, false)?;
    let Evaluated { tree, found, .. } = evaluated;
    let used = with_files(&loaded, &files, |files| {
        kcc_model::used_images(&tree, found, files)
    });
    let used = used.map_err(|diagnostics| {
        let diagnosis = Diagnosis::of(&tree, loaded.root.shown(), diagnostics);
        failed(diagnosis, loaded.sources.problems.is_environment())
    })?;
    Ok(UsedImages {
        used: used.value,
        lock: loaded.sources.lock,
        root: loaded.root.clone(),
        tree,
    })
}

impl UsedImages {
    /// Puts a diagnostic about an image at the line that refers to it.
    pub fn locate(&self, image: &str, diagnostic: Diagnostic) -> Diagnostic {
        match self.span(image) {
            Some(span) => diagnostic.primary(span, "this image"),
            None => diagnostic,
        }
    }

    /// Returns the place of the reference to an image.
    pub fn span(&self, image: &str) -> Option<Span> {
        let (target, path) = &self.used.get(image)?.declared;
        Some(self.tree.origin(target, path)?.span)
    }

    /// Returns diagnostics with everything that is needed to show them.
    pub fn diagnosis(&self, mut diagnostics: Diagnostics) -> Diagnosis {
        diagnostics.sort(&self.tree.files);
        Diagnosis::of(&self.tree, self.root.shown(), diagnostics)
    }
}

fn failed(diagnosis: Diagnosis, unreadable: bool) -> Failure {
    if unreadable {
        Failure::Unavailable(diagnosis)
    } else {
        Failure::Configuration(diagnosis)
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
