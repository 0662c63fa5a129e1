//! `kcc lock`: records facts about images in `kcc.lock`.
//!
//! Images that the file lacks are added, those that no component uses are removed,
//! and the others stay as they are unless `--update` names them. A failure leaves
//! the file as it was.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, ValueEnum};
use kcc_diag::{Code, Diagnostic, Diagnostics, Format, nearest};
use kcc_image::{Question, Reader, Source};
use kcc_lock::{Digest, ImageFacts, Images, LOCK_FILE, Lock as File};
use kcc_model::ImageUse;
use serde::Serialize;

use super::{CommandResult, json};
use crate::{
    context::Context,
    exit::Exit,
    failure::Failure,
    load::Root,
    output_file,
    pipeline::{self, Targets, UsedImages},
    printer::Stdout,
    runtime,
    summary::counted,
};

/// Record facts about images in kcc.lock
///
/// Reads the configuration of each image missing from `kcc.lock`, and removes unused
/// images. Other commands then know the user, ports, health check and platforms of every
/// image without asking a registry.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kcc lock\n  kcc lock --update                     read all images again\n  kcc lock --update postgres:18-alpine  read one image again\n  kcc lock --from docker"
)]
pub struct Lock {
    /// Read images again that are in the file [default: all]
    #[arg(long, value_name = "IMAGE", num_args = 0..)]
    pub update: Option<Vec<String>>,
    /// Lock only the images of TARGET; may be repeated [default: all targets]
    #[arg(short, long, value_name = "TARGET")]
    pub target: Vec<String>,
    /// Read images only from here [default: the registry, or the Docker engine if only that has it]
    #[arg(long, value_enum, value_name = "WHERE")]
    pub from: Option<ReadFrom>,
    /// Connect to this registry without TLS; registries on this machine need no flag
    #[arg(long, value_name = "HOST")]
    pub plain_http: Vec<String>,
}

/// The values of `--from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReadFrom {
    /// The registry.
    Registry,
    /// The Docker engine.
    Docker,
}

/// A change of the file, as `--format json` shows it.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Change {
    image: String,
    #[serde(rename = "change")]
    kind: Kind,
    digest: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Added,
    Updated,
    Removed,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Removed => "removed",
        }
    }
}

impl Lock {
    /// Reads images, writes the file and prints the changes.
    pub fn run(self, context: &Context) -> CommandResult {
        let system = pipeline::used_images(context, &Targets::of(&self.target))?;
        let UsedImages {
            root, used, lock, ..
        } = &system;
        let again = self.read_again(used)?;
        let mut questions = Vec::new();
        let mut kept = Vec::new();
        for (image, declared) in used {
            let known = lock.images.get(image).filter(|_| !again.contains(image));
            let digest = known.and_then(|facts| facts.digest.as_ref());
            kept.extend(digest.map(|digest| (image.as_str(), digest)));
            if known.is_none_or(|facts| lacks(facts, declared)) {
                questions.push(Question {
                    reference: image,
                    digest,
                    directories: &declared.directories,
                });
            }
        }
        let source = match self.from {
            None => Source::Any,
            Some(ReadFrom::Registry) => Source::Registry,
            Some(ReadFrom::Docker) => Source::Docker,
        };
        let plain_http = self.plain_http.iter().cloned().collect();
        let options = runtime::image_options(context, root);
        let reader = Reader::new(source, &plain_http, &options);
        let (answers, moved) = runtime::read_images(&reader, questions, kept)?;
        let failures = answers.failures.iter().chain(&moved.failures);
        let named = |image: &str| self.update.iter().flatten().any(|one| one == image);
        let (optional, failures): (Vec<_>, Vec<_>) =
            failures.partition(|(image, _)| used[**image].optional && !named(image));
        let failures = failures_of(&system, failures.into_iter());
        if !failures.is_empty() {
            return Err(Failure::Unavailable(system.diagnosis(failures)));
        }
        let mut images = lock.images.clone();
        if self.target.is_empty() {
            images.retain(|image, _| used.contains_key(image));
        }
        for (image, facts) in answers.facts {
            match images.get_mut(image).filter(|_| !again.contains(image)) {
                // Only directories were missing.
                Some(known) => known.directories.extend(facts.directories),
                None => _ = images.insert(image.to_owned(), facts),
            }
        }
        let new = File { images };
        let changes = changes(&lock.images, &new.images);
        if new != *lock {
            write(root, &new.to_text())?;
        }
        let moved = moved.digests.iter().map(|(image, now)| {
            let was = new.images[*image].digest.as_ref();
            system.locate(image, moved_tag(image, was, now))
        });
        let unread_images = optional
            .into_iter()
            .map(|(image, error)| system.locate(image, unread(image, error)));
        let moved = system.diagnosis(moved.chain(unread_images).collect());
        context.printer.diagnosis(&moved, Stdout::Data);
        print(context, root, &changes, new.images.len());
        Ok(Exit::Done)
    }

    /// Returns the images to read although the file has them.
    fn read_again(&self, used: &BTreeMap<String, ImageUse>) -> Result<BTreeSet<String>, Failure> {
        let Some(named) = &self.update else {
            return Ok(BTreeSet::new());
        };
        if named.is_empty() {
            return Ok(used.keys().cloned().collect());
        }
        for image in named {
            if !used.contains_key(image) {
                let near = nearest(image, used.keys().map(String::as_str));
                let help = near.map_or_else(
                    || "name an image as fragments write it".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("no component uses image `{image}`");
                return Err(Failure::usage(message, help));
            }
        }
        Ok(named.iter().cloned().collect())
    }
}

/// Returns true if directories are used of which nothing is known. Root can write to
/// any.
fn lacks(facts: &ImageFacts, used: &ImageUse) -> bool {
    let mut directories = used.directories.iter();
    !facts.starts_as_root() && directories.any(|path| !facts.directories.contains_key(path))
}

/// Returns an error for each failure. A registry that does not answer is one, with all
/// its images.
fn failures_of<'a>(
    system: &UsedImages,
    failures: impl Iterator<Item = (&'a &'a str, &'a kcc_plan::Error)>,
) -> Diagnostics {
    let mut joined: BTreeMap<String, Diagnostic> = BTreeMap::new();
    for (image, error) in failures {
        let message = error.chain();
        if let Some(same) = joined.remove(&message) {
            let more = match system.span(image) {
                Some(span) => same.secondary(span, "and this one"),
                None => same,
            };
            joined.insert(message, more);
            continue;
        }
        let mut failure = Diagnostic::error(error.code, message.clone());
        failure.help.clone_from(&error.help);
        joined.insert(message, system.locate(image, failure));
    }
    joined.into_values().collect()
}

/// Returns the warning about an image that only rendered files refer to.
fn unread(image: &str, error: &kcc_plan::Error) -> Diagnostic {
    let message = format!(
        "{}; rendered files refer to `{image}` by its tag",
        error.chain()
    );
    Diagnostic::warning(error.code, message).help(format!(
        "run `kcc lock --update {image}` once it can be read"
    ))
}

fn moved_tag(image: &str, was: Option<&Digest>, now: &Digest) -> Diagnostic {
    let was = was.map_or("unknown", Digest::short);
    let message = format!(
        "image `{image}` is {} now, but {was} in `{LOCK_FILE}`",
        now.short()
    );
    Diagnostic::warning(Code::PlanImageMoved, message)
        .help(format!("run `kcc lock --update {image}`"))
}

/// Lists the differences between two sets of facts.
fn changes(old: &Images, new: &Images) -> Vec<Change> {
    let removed = old.iter().filter(|(image, _)| !new.contains_key(*image));
    let removed = removed.map(|(image, facts)| Change::new(image, Kind::Removed, facts));
    let written = new
        .iter()
        .filter_map(|(image, facts)| match old.get(image) {
            None => Some(Change::new(image, Kind::Added, facts)),
            Some(was) if was != facts => Some(Change::new(image, Kind::Updated, facts)),
            Some(_) => None,
        });
    let mut changes: Vec<_> = removed.chain(written).collect();
    changes.sort_by(|a, b| a.image.cmp(&b.image));
    changes
}

impl Change {
    fn new(image: &str, kind: Kind, facts: &ImageFacts) -> Self {
        Self {
            image: image.to_owned(),
            kind,
            digest: facts.digest.clone().map(String::from),
        }
    }
}

/// Writes the file.
fn write(root: &Root, text: &str) -> Result<(), Failure> {
    let path = root.path().join(LOCK_FILE);
    output_file::replace_durably(&path, text.as_bytes())
        .map_err(|error| Failure::io(format!("cannot write `{}{LOCK_FILE}`", root.shown()), error))
}

fn print(context: &Context, root: &Root, changes: &[Change], images: usize) {
    let printer = &context.printer;
    if context.settings.format == Format::Json {
        printer.data(&json(serde_json::json!({ "changes": changes })));
    }
    for Change {
        image,
        kind,
        digest,
    } in changes
    {
        let digest = digest.as_deref().unwrap_or("no digest");
        printer.note(&format!("{:7}  {image}  {digest}", kind.as_str()));
    }
    let file = format!("{}{LOCK_FILE}", root.shown());
    let images = counted(images, "image");
    printer.note(&if changes.is_empty() {
        format!("`{file}` is up to date: {images}")
    } else {
        format!("wrote `{file}`: {images}")
    });
}
