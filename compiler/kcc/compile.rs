//! The pipeline from a folder to what a command needs of it: load, evaluate,
//! build and check, lower.
//!
//! What is wrong is collected over all stages as far as they go, so that one
//! run says everything. Nothing here writes to the terminal but the warnings of
//! a command whose output is something else.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use kcc_cue::{Evaluated, Evaluation, Evaluator, Fragment};
use kcc_diag::{Code, Diagnostic, Diagnostics, FileId, nearest};
use kcc_lower::Desired;
use kcc_model::{CheckedModel, ReferencedFiles, TargetModel};
use kcc_tree::{ConfigTree, SYSTEM_FILE};

use crate::{
    commands::Context,
    failure::{Failure, Findings},
    load::{BuildContexts, Root, Sources, team_folders, team_of},
    overrides,
    printer::Stdout,
    provenance::FragmentOrigins,
};

/// The targets that a command is about: all, unless some are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets(BTreeSet<String>);

impl Targets {
    /// The named ones, or all.
    pub fn of(names: &[String]) -> Self {
        Self(names.iter().cloned().collect())
    }

    /// Whether a target is one of them.
    pub fn contain(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.contains(name)
    }
}

/// One target, from its fragments to its desired state.
#[derive(Debug)]
pub struct Compiled {
    /// Where the system is.
    pub root: Root,
    /// The checked model of this target.
    pub model: Arc<CheckedModel>,
    /// What its engine should hold.
    pub desired: Arc<Desired>,
    /// The values with their lines.
    tree: Arc<ConfigTree>,
}

impl Compiled {
    /// The model of the target.
    pub fn target_model(&self) -> &TargetModel {
        // A target without a model is not lowered.
        &self.model.targets[&self.desired.target]
    }

    /// Whose values the desired objects hold.
    pub fn origins(&self) -> FragmentOrigins {
        FragmentOrigins::new(self.tree.clone(), self.model.clone(), self.desired.clone())
    }

    /// Why a command about the engine failed; with the lines of the secrets that
    /// cannot be had or of the images that must not start, if that is why.
    pub fn failure(&self, error: kcc_plan::Error) -> Failure {
        if error.secrets.is_empty() && error.images.is_empty() {
            return error.into();
        }
        let target = &self.desired.target;
        let refused = error.images.iter().map(|image| {
            let diagnostic = Diagnostic::error(error.code, image.message())
                .at(image.path.as_str())
                .target(target.as_str())
                .help(image.help());
            let mut components = self.target_model().components.values();
            let component = components.find(|component| component.path.to_string() == image.path);
            let origin = component.and_then(|component| {
                let fields = ["image", "build"].into_iter();
                let mut fields = fields.map(|field| component.path.join(field));
                fields.find_map(|field| self.tree.origin(target, &field))
            });
            match origin {
                Some(origin) => diagnostic.primary(origin.span, "this image"),
                None => diagnostic,
            }
        });
        let lacking = error.secrets.iter().map(|secret| {
            let mut diagnostic = Diagnostic::error(error.code, secret.message())
                .target(target.as_str())
                .help(secret.help.as_str());
            if let Some(declared) = self.target_model().secrets.get(&secret.name) {
                diagnostic = diagnostic.at(declared.path.to_string());
                if let Some(origin) = self.tree.origin(target, &declared.path) {
                    diagnostic = diagnostic.primary(origin.span, "declared here");
                }
            }
            diagnostic
        });
        let mut findings = Findings {
            diagnostics: lacking.chain(refused).collect(),
            files: self.tree.files.clone(),
            targets: self.tree.targets.keys().cloned().collect(),
            folder: self.root.shown().to_owned(),
        };
        findings.diagnostics.sort(&findings.files);
        if error.secrets.is_empty() {
            return Failure::Configuration(findings);
        }
        Failure::Unavailable(findings)
    }
}

/// What `check` found out.
#[derive(Debug)]
pub struct Proof {
    /// Warnings; errors are a [`Failure`].
    pub findings: Findings,
    /// How many components there are in all targets together.
    pub components: usize,
    /// How many teams there are.
    pub teams: usize,
    /// The targets that were proved.
    pub targets: Vec<String>,
}

/// Proves a system for some targets, up to what their engines would be told.
pub fn prove(context: &Context, dir: Option<&Path>, targets: &Targets) -> Result<Proof, Failure> {
    let examined = Examined::of(context, dir, targets)?;
    let mut findings = examined.findings;
    let mut refused = false;
    for target in examined.model.targets.keys() {
        match kcc_lower::lower(&examined.tree, &examined.model, target) {
            Ok(lowered) => findings.diagnostics.extend(lowered.warnings),
            Err(errors) => {
                refused = true;
                findings.diagnostics.extend(errors);
            }
        }
    }
    findings.files = examined.tree.files;
    findings.diagnostics.sort(&findings.files);
    if refused {
        return Err(Failure::Configuration(findings));
    }
    let models = examined.model.targets.values();
    let components: BTreeSet<&String> = models.flat_map(|model| model.components.keys()).collect();
    Ok(Proof {
        components: components.len(),
        teams: examined.model.teams.len(),
        targets: examined.model.targets.keys().cloned().collect(),
        findings,
    })
}

/// Compiles one target; warnings are written to stderr.
pub fn target(context: &Context, dir: Option<&Path>, target: &str) -> Result<Compiled, Failure> {
    let mut examined = Examined::of(context, dir, &Targets::of(&[target.to_owned()]))?;
    let mut findings = examined.findings;
    let lowered = kcc_lower::lower(&examined.tree, &examined.model, target);
    findings.files = std::mem::take(&mut examined.tree.files);
    let desired = match lowered {
        Ok(lowered) => {
            findings.diagnostics.extend(lowered.warnings);
            lowered.value
        }
        Err(errors) => {
            findings.diagnostics.extend(errors);
            findings.diagnostics.sort(&findings.files);
            return Err(Failure::Configuration(findings));
        }
    };
    findings.diagnostics.sort(&findings.files);
    context.printer.findings(&findings, Stdout::Data);
    examined.tree.files = findings.files;
    Ok(Compiled {
        root: examined.root,
        model: Arc::new(examined.model),
        desired: Arc::new(desired),
        tree: Arc::new(examined.tree),
    })
}

/// The checked model of some targets; warnings are written to stderr.
pub fn model(
    context: &Context,
    dir: Option<&Path>,
    targets: &Targets,
) -> Result<CheckedModel, Failure> {
    let mut examined = Examined::of(context, dir, targets)?;
    examined.findings.files = examined.tree.files;
    context.printer.findings(&examined.findings, Stdout::Data);
    Ok(examined.model)
}

/// A system with the lines behind everything that it says.
#[derive(Debug)]
pub struct Traced {
    /// Where the system is.
    pub root: Root,
    /// The checked model of the targets.
    pub model: CheckedModel,
    /// The values with their lines, and what else is said about each.
    pub tree: ConfigTree,
}

impl Traced {
    /// What the engine of a target should hold.
    pub fn desired(&self, target: &str) -> Result<Desired, Failure> {
        match kcc_lower::lower(&self.tree, &self.model, target) {
            Ok(lowered) => Ok(lowered.value),
            Err(diagnostics) => Err(Failure::Configuration(Findings {
                diagnostics,
                files: self.tree.files.clone(),
                targets: self.tree.targets.keys().cloned().collect(),
                folder: self.root.shown().to_owned(),
            })),
        }
    }
}

/// The checked model of some targets with its lines, and where it is asked for
/// with what else is said about each value; warnings are written to stderr.
pub fn traced(
    context: &Context,
    dir: Option<&Path>,
    targets: &Targets,
    explain: bool,
) -> Result<Traced, Failure> {
    let Examined {
        root,
        mut tree,
        model,
        findings,
    } = Examined::explained(context, dir, targets, explain)?;
    let findings = Findings {
        files: tree.files.clone(),
        ..findings
    };
    context.printer.findings(&findings, Stdout::Data);
    if tree.system.child("teams").is_none() {
        // The folder is one team, whose lines these are.
        let fragments: Vec<FileId> = tree
            .files
            .iter()
            .filter(|(_, file)| !file.name().starts_with("schema/"))
            .map(|(id, _)| id)
            .collect();
        for id in fragments {
            tree.files.set_team(id, Some(model.name.clone()));
        }
    }
    Ok(Traced { root, model, tree })
}

/// A system that was loaded, evaluated, built and checked without an error.
struct Examined {
    root: Root,
    tree: ConfigTree,
    model: CheckedModel,
    /// The warnings; their files are still those of the tree.
    findings: Findings,
}

impl Examined {
    fn of(context: &Context, dir: Option<&Path>, targets: &Targets) -> Result<Self, Failure> {
        Self::explained(context, dir, targets, false)
    }

    /// The same, and where it is asked for with what else is said about each value.
    fn explained(
        context: &Context,
        dir: Option<&Path>,
        targets: &Targets,
        explain: bool,
    ) -> Result<Self, Failure> {
        let settings = &context.settings;
        let root = Root::find(&settings.environment.folder, &settings.folder_named(dir)).map_err(
            |no_system| {
                let unreadable = no_system.code == Code::LoadUnreadable;
                failed(Diagnostics::from(*no_system).into(), unreadable)
            },
        )?;
        let Sources {
            fragments,
            imports,
            codeowners,
            problems,
        } = root.sources();
        let findings = Findings {
            folder: root.shown().to_owned(),
            ..Findings::default()
        };
        if problems.of(SYSTEM_FILE).is_some() {
            // Without it nothing is known about any other file.
            let unreadable = problems.is_environment();
            let mut findings = findings;
            findings.diagnostics = problems.report(&mut findings.files, None);
            return Err(failed(findings, unreadable));
        }

        let evaluator = Evaluator::new()?;
        let fragments: Vec<Fragment<'_>> = fragments
            .iter()
            .map(|file| Fragment {
                name: &file.name,
                text: &file.text,
            })
            .collect();
        let evaluate = |targets: &BTreeSet<String>| {
            let limits = settings.limits;
            let what = Evaluation {
                fragments: &fragments,
                imports: &imports,
                team_of: &team_of,
                targets,
                limits,
                explain,
            };
            kcc_cue::evaluate(&evaluator, &what)
        };
        let Evaluated {
            mut tree,
            mut found,
            targets: known,
        } = evaluate(&targets.0)?;
        let unreadable = problems.is_environment();
        let unread: Vec<String> = problems
            .iter()
            .map(|problem| problem.name.clone())
            .collect();
        found.extend(problems.report(&mut tree.files, Some(&tree.system)));
        // What stands in a file that could not be read is not missing.
        tree.partial
            .extend(unread.iter().filter_map(|name| tree.files.find(name)));
        found.extend(team_folders(&root, &tree.system));
        if let Some(codeowners) = codeowners {
            let names: Vec<&str> = fragments.iter().map(|fragment| fragment.name).collect();
            found.extend(codeowners.join(&mut tree, &names));
        }
        let findings = Findings {
            targets: tree.targets.keys().cloned().collect(),
            ..findings
        };

        let unknown = targets.0.iter().find(|target| !known.contains(*target));
        if let (Some(unknown), false) = (unknown, found.has_errors()) {
            return Err(no_target(unknown, &known));
        }
        let contexts = BuildContexts::of(&root);
        let referred = ReferencedFiles {
            read: &|name| root.file(name),
            check_exists: &|name| root.there(name),
            hash_context: &|build| contexts.hash(build),
        };
        let mut outcome = kcc_model::examine(&tree, found.clone(), referred);
        let looks_elsewhere = |found: &Diagnostics| {
            found
                .iter()
                .any(|found| found.code == Code::CheckUnknownNeed)
        };
        if outcome.as_ref().is_err_and(looks_elsewhere) && tree.targets.len() < known.len() {
            // A need may be on what runs in another target.
            let others = known
                .iter()
                .filter(|target| !targets.contain(target))
                .cloned()
                .collect();
            tree.declarations
                .extend(evaluate(&others)?.tree.declarations);
            outcome = kcc_model::examine(&tree, found, referred);
        }
        match outcome {
            Ok(checked) => Ok(Self {
                findings: Findings {
                    diagnostics: checked.warnings,
                    ..findings
                },
                model: overrides::apply(checked.value, settings)?,
                tree,
                root,
            }),
            Err(diagnostics) => Err(failed(
                Findings {
                    diagnostics,
                    files: tree.files,
                    ..findings
                },
                unreadable,
            )),
        }
    }
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
