//! The values that a shell may complete: targets, components, codes and paths.
//!
//! clap finds out which argument the cursor is in and calls the function of its
//! [`ArgValueCompleter`]. Such a function sees only the word itself, so the others are
//! kept in [`LINE`] while it runs. Completion is silent: a system with mistakes
//! completes what can be evaluated, and nothing is an error.

use std::{cell::RefCell, collections::BTreeSet, ffi::OsStr, path::PathBuf, time::Duration};

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use kcc_cue::{Evaluated, Evaluator, Limits};
use kcc_diag::Code;
use kcc_tree::{Node, Path, schema::component_fields};

use crate::{
    evaluation,
    load::{Root, Sources},
};

/// The time limit: nobody waits longer for a completion.
const LIMIT: Duration = Duration::from_secs(3);

thread_local! {
    static LINE: RefCell<Line> = RefCell::default();
}

/// The words of a command line that the values of others depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    /// The directory to look for a system in.
    dir: PathBuf,
    /// The target, if one is given.
    target: Option<String>,
}

impl Line {
    /// Reads the words of a command line. `here` is the current directory.
    pub fn of(words: &[String], here: PathBuf) -> Self {
        let mut line = Self {
            dir: here,
            target: None,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = |flag: &str| {
                let rest = word.strip_prefix(flag)?;
                match rest.strip_prefix('=').unwrap_or(rest) {
                    "" => words.next().cloned(),
                    joined => Some(joined.to_owned()),
                }
            };
            match word.as_str() {
                "--" => break,
                long if long.starts_with("--target") => line.target = value("--target"),
                long if long.starts_with("--") => {}
                short if short.starts_with("-t") => line.target = value("-t"),
                short if short.starts_with("-C") => {
                    line.dir =
                        value("-C").map_or_else(|| line.dir.clone(), |dir| line.dir.join(dir));
                }
                _ => {}
            }
        }
        line
    }
}

/// Runs a function that completes a word of a line.
pub fn within<T>(line: Line, complete: impl FnOnce() -> T) -> T {
    LINE.set(line);
    complete()
}

/// Completes the name of a target.
pub fn targets() -> ArgValueCompleter {
    ArgValueCompleter::new(|word: &OsStr| {
        let found = System::find().map(|system| system.targets());
        starting_with(word, found.unwrap_or_default())
    })
}

/// Completes the name of a component.
pub fn components() -> ArgValueCompleter {
    ArgValueCompleter::new(|word: &OsStr| {
        let root = model();
        let kinds = component_fields().iter();
        let kinds = kinds.filter_map(|kind| root.as_ref()?.child(kind));
        let names = kinds.flat_map(|kind| kind.fields().map(|(name, _)| name.to_owned()));
        starting_with(word, names)
    })
}

/// Completes a code, or a path of the schema's.
pub fn codes() -> ArgValueCompleter {
    ArgValueCompleter::new(|word: &OsStr| {
        let codes = Code::ALL.iter().map(|code| {
            let value = code.as_str();
            let short = value.strip_prefix("kcc::").unwrap_or(value);
            let full = word.to_string_lossy().starts_with("kcc");
            let value = if full { value } else { short };
            CompletionCandidate::new(value).help(Some(code.summary().into()))
        });
        let typed = word.to_string_lossy().into_owned();
        codes
            .filter(|code| code.get_value().to_string_lossy().starts_with(&typed))
            .collect()
    })
}

/// Completes the path of a value, one field at a time.
pub fn paths() -> ArgValueCompleter {
    ArgValueCompleter::new(|word: &OsStr| {
        let word = word.to_string_lossy();
        let (above, _) = word.rsplit_once('.').unwrap_or(("", ""));
        let Some(root) = model() else {
            return Vec::new();
        };
        let names = above.split('.').filter(|name| !name.is_empty());
        let path = Path(names.map(str::to_owned).collect());
        let node = path.0.iter().try_fold(&root, |node, name| node.child(name));
        let fields = node.into_iter().flat_map(Node::fields);
        let paths = fields.map(|(name, _)| path.join(name).to_string());
        starting_with(OsStr::new(&*word), paths)
    })
}

fn starting_with(
    word: &OsStr,
    values: impl IntoIterator<Item = String>,
) -> Vec<CompletionCandidate> {
    let word = word.to_string_lossy();
    let values: BTreeSet<_> = values
        .into_iter()
        .filter(|value| value.starts_with(&*word))
        .collect();
    values.into_iter().map(CompletionCandidate::new).collect()
}

/// The system that a line is about, ready to be evaluated.
struct System {
    sources: Sources,
    evaluator: Evaluator,
}

impl System {
    /// Finds the system of the line, if there is one.
    fn find() -> Option<Self> {
        let dir = LINE.with_borrow(|line| line.dir.clone());
        let root = Root::find(&dir, std::path::Path::new("")).ok()?;
        Some(Self {
            sources: root.sources(),
            evaluator: Evaluator::default(),
        })
    }

    fn evaluate(&self, target: &str) -> Option<Evaluated> {
        let limits = Limits {
            time: LIMIT,
            ..Limits::default()
        };
        let targets = BTreeSet::from([target.to_owned()]);
        evaluation::evaluate(&self.evaluator, &self.sources, &targets, limits, false).ok()
    }

    /// Returns the names of the targets; no target has the empty name.
    fn targets(&self) -> BTreeSet<String> {
        let evaluated = self.evaluate("");
        evaluated.map_or_else(BTreeSet::new, |evaluated| evaluated.targets)
    }
}

/// Returns the values of the given target, or of the first one.
fn model() -> Option<Node> {
    let system = System::find()?;
    let target = match LINE.with_borrow(|line| line.target.clone()) {
        Some(target) => target,
        None => system.targets().into_iter().next()?,
    };
    system.evaluate(&target)?.tree.targets.remove(&target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_directory_and_the_target_of_a_line() {
        let line = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            let line = Line::of(&words, "/work".into());
            (line.dir.display().to_string(), line.target)
        };
        let target = |name: &str| Some(name.to_owned());
        assert_eq!(line(&["kcc", "check"]), ("/work".to_owned(), None));
        for words in [
            &["kcc", "-C", "shop", "logs", "--target", "dev"][..],
            &["kcc", "-Cshop", "logs", "--target=dev"],
            &["kcc", "-C", "shop", "logs", "-tdev"],
            &["kcc", "-C", "shop", "logs", "-t", "dev", "--", "-t", "x"],
        ] {
            assert_eq!(
                line(words),
                ("/work/shop".to_owned(), target("dev")),
                "{words:?}"
            );
        }
    }
}
