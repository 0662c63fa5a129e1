//! [`CachedOutcome`]: the outcome of `kcc check` with all its diagnostics.
//!
//! The [`key`] covers everything that is known once the sources are loaded. What a check
//! asks about other files depends on the sources and on earlier answers alone, so an
//! outcome holds as long as every question that was asked has the same answer.
//!
//! Only what the fragments say is kept: an outcome that a time or memory limit, an
//! unreadable file or a failing machine took part in is found again each time.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fmt::{Debug, Write},
    sync::Arc,
};

use kcc_cue::Evaluator;
use kcc_diag::{Code, Diagnostics, Files};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Store;
use crate::{
    checked::Checked,
    failure::{Diagnosis, Failure},
    load::{CueFile, Observer, Question, Root, Sources},
    settings::Settings,
};

/// The identity of the code between the sources and the outcome.
const BUILD: &str = env!("KCC_BUILD");

/// The outcome of a check.
#[derive(Debug, Serialize, Deserialize)]
pub struct CachedOutcome<'a> {
    /// The questions about files that are not sources, with the hashes of their answers.
    answers: Cow<'a, [(Question, String)]>,
    diagnostics: Cow<'a, Diagnostics>,
    /// The files that the diagnostics point into; none if there is no diagnostic.
    files: Vec<File<'a>>,
    /// The targets that were evaluated.
    evaluated: Cow<'a, BTreeSet<String>>,
    /// The numbers of components and teams, unless there are errors.
    summary: Option<Summary<'a>>,
}

/// A file with its text.
#[derive(Debug, Serialize, Deserialize)]
struct File<'a> {
    name: Cow<'a, str>,
    text: Cow<'a, str>,
    team: Option<Cow<'a, str>>,
}

/// The parts of [`Checked`] that are not diagnostics.
#[derive(Debug, Serialize, Deserialize)]
struct Summary<'a> {
    components: usize,
    teams: usize,
    targets: Cow<'a, [String]>,
    has_old_schema: bool,
}

/// Returns the key of a check: the hash of everything that its outcome depends on, apart
/// from the answers that are kept with it.
///
/// The patterns name every field, so that a new one has to be considered here.
pub fn key(sources: &Sources, settings: &Settings, targets: &BTreeSet<String>) -> String {
    let Sources {
        cue_files,
        imports,
        codeowners,
        lock,
        problems,
    } = sources;
    let Settings {
        limits,
        context,
        namespace,
        // They say which system is meant, which is its sources.
        working_dir: _,
        named_dir: _,
        // The outcome is formatted and printed after it was found.
        format: _,
        color: _,
        width: _,
        quiet: _,
        verbose: _,
        bars: _,
        // Nothing but the settings is read from it.
        environment: _,
        cache: _,
    } = settings;
    let mut key = Key(Sha256::new());
    key.text("check");
    key.text(BUILD);
    key.text(Evaluator::IDENTITY);
    key.value(targets);
    key.value(&(limits, context, namespace));
    key.value(&cue_files.len());
    for CueFile { name, text } in cue_files {
        key.text(name);
        key.text(text);
    }
    key.value(imports);
    key.value(&codeowners.as_ref().map(kcc_model::Codeowners::input));
    key.value(lock);
    key.value(problems);
    key.finish()
}

/// A hash of values, none of which can be taken for a part of another one.
struct Key(Sha256);

impl Key {
    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    /// Adds a value in the form that has all its fields.
    fn value(&mut self, value: &impl Debug) {
        self.text(&format!("{value:?}"));
    }

    fn finish(self) -> String {
        let mut key = String::new();
        for byte in self.0.finalize() {
            let _ = write!(key, "{byte:02x}");
        }
        key
    }
}

impl CachedOutcome<'_> {
    /// Returns the outcome that is stored under a key, if the files below the root that
    /// it depends on are still the same.
    ///
    /// Returns the answers about these files, too.
    #[allow(clippy::type_complexity, reason = "two results")]
    pub fn read(
        store: &Store,
        key: &str,
        root: &Root,
    ) -> Option<(Result<Checked, Failure>, Vec<(Question, String)>)> {
        let bytes = store.read(key)?;
        let mut outcome: CachedOutcome<'_> = serde_json::from_slice(&bytes).ok()?;
        let answers = std::mem::take(&mut outcome.answers).into_owned();
        Observer::of(root)
            .confirms(&answers)
            .then(|| (outcome.result(root), answers))
    }

    fn result(self, root: &Root) -> Result<Checked, Failure> {
        let mut files = Files::new();
        for File { name, text, team } in self.files {
            let id = files.add(name, text);
            files.set_team(id, team.map(Cow::into_owned));
        }
        let diagnosis = Diagnosis {
            diagnostics: self.diagnostics.into_owned(),
            files: Arc::new(files),
            targets: self.evaluated.into_owned(),
            root: root.shown().to_owned(),
        };
        let Some(summary) = self.summary else {
            return Err(Failure::Configuration(diagnosis));
        };
        Ok(Checked {
            diagnosis,
            components: summary.components,
            teams: summary.teams,
            targets: summary.targets.into_owned(),
            has_old_schema: summary.has_old_schema,
        })
    }
}

impl<'a> CachedOutcome<'a> {
    /// Stores the outcome of a check, if it is one that the same fragments have always.
    pub fn write(
        store: &Store,
        key: &str,
        checked: &'a Result<Checked, Failure>,
        answers: &'a [(Question, String)],
    ) {
        let (diagnosis, summary) = match checked {
            Ok(checked) => (&checked.diagnosis, Some(Summary::of(checked))),
            Err(Failure::Configuration(diagnosis)) => (diagnosis, None),
            Err(_) => return,
        };
        let outcome = CachedOutcome::of(diagnosis, summary, answers);
        if let (false, Ok(text)) = (depends_on_machine(diagnosis), serde_json::to_vec(&outcome)) {
            store.write(key, &text);
        }
    }

    fn of(
        diagnosis: &'a Diagnosis,
        summary: Option<Summary<'a>>,
        answers: &'a [(Question, String)],
    ) -> Self {
        let Diagnosis {
            diagnostics,
            files,
            targets,
            // It depends on the current directory.
            root: _,
        } = diagnosis;
        let files = files.iter().map(|(_, file)| File {
            name: file.name().into(),
            text: file.text().into(),
            team: file.team().map(Cow::from),
        });
        let shown = if diagnostics.is_empty() {
            0
        } else {
            usize::MAX
        };
        Self {
            answers: Cow::Borrowed(answers),
            diagnostics: Cow::Borrowed(diagnostics),
            files: files.take(shown).collect(),
            evaluated: Cow::Borrowed(targets),
            summary,
        }
    }
}

impl<'a> Summary<'a> {
    fn of(checked: &'a Checked) -> Self {
        Self {
            components: checked.components,
            teams: checked.teams,
            targets: Cow::Borrowed(&checked.targets),
            has_old_schema: checked.has_old_schema,
        }
    }
}

/// Returns true if another machine, or the same one at another time, may find something
/// else.
fn depends_on_machine(diagnosis: &Diagnosis) -> bool {
    let mut codes = diagnosis.diagnostics.iter().map(|found| found.code);
    codes.any(|code| {
        matches!(
            code,
            Code::EvalTimeout | Code::EvalMemory | Code::LoadUnreadable
        )
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use clap::Parser;
    use kcc_test_support::directory_with;

    use super::*;
    use crate::{cli::Cli, context::Context, pipeline, printer::Printer, settings::Environment};

    /// A system that has every kind of source.
    const SYSTEM: [(&str, &str); 6] = [
        (
            "kcc.cue",
            "package shop\nsystem: {name: \"shop\", teams: web: path: \"teams/web\"}\n",
        ),
        (
            "teams/web/web.cue",
            "package shop\nimport \"kcc.local/shop/lib\"\nservices: web: {image: lib.image, port: 80}\n",
        ),
        ("lib/lib.cue", "package lib\nimage: \"acme/web:1\"\n"),
        (
            "cue.mod/module.cue",
            "module: \"kcc.local/shop@v0\"\nlanguage: version: \"v0.15.0\"\n",
        ),
        ("CODEOWNERS", "/teams/web/ @web\n"),
        ("kcc.lock", "version: 1\nimages: {}\n"),
    ];

    fn settings(args: &[&str], directory: &Path) -> Settings {
        let args = ["kcc"].iter().chain(args).chain(&["check"]);
        let environment = Environment {
            current_dir: directory.to_owned(),
            variables: BTreeMap::new(),
            ..Environment::default()
        };
        Settings::new(&Cli::try_parse_from(args).unwrap().global, environment)
    }

    fn key_of(directory: &Path, args: &[&str], targets: &[&str]) -> String {
        let root = Root::find(directory, Path::new("")).unwrap();
        let targets = targets.iter().map(|target| (*target).to_owned()).collect();
        key(&root.sources(), &settings(args, directory), &targets)
    }

    #[test]
    fn every_input_changes_the_key() {
        let (none, all): (&[&str], &[&str]) = (&[], &[]);
        let scratch = directory_with(SYSTEM);
        let first = key_of(scratch.path(), none, all);
        assert_eq!(key_of(scratch.path(), none, all), first, "the same input");
        // Another place, an unrelated file and the form of the output change nothing.
        let other = directory_with(SYSTEM);
        fs::write(other.path().join("teams/web/README.md"), "web").unwrap();
        assert_eq!(key_of(other.path(), none, all), first);
        for args in [
            &["--format", "json"][..],
            &["--color", "always"],
            &["-q"],
            &["-v"],
            &["--no-progress"],
            &["--no-cache"],
        ] {
            assert_eq!(key_of(scratch.path(), args, all), first, "{args:?}");
        }

        let mut keys = BTreeMap::from([(first, "no change".to_owned())]);
        let mut another = |key, change: String| {
            if let Some(same) = keys.insert(key, change.clone()) {
                panic!("`{change}` has the key of `{same}`");
            }
        };
        // The text, the name and the presence of each file.
        for (name, text) in SYSTEM {
            let scratch = directory_with(SYSTEM);
            let path = scratch.path().join(name);
            // A comment in the lock file or in the module says nothing.
            let edited = match name {
                "kcc.lock" => "version: 99\n".to_owned(),
                "cue.mod/module.cue" => text.replace("shop", "other"),
                "CODEOWNERS" => format!("{text}# changed\n"),
                _ => format!("{text}// changed\n"),
            };
            fs::write(&path, edited).unwrap();
            another(key_of(scratch.path(), none, all), format!("edit {name}"));
            if name == "kcc.cue" || name == "kcc.lock" {
                continue;
            }
            fs::remove_file(&path).unwrap();
            another(key_of(scratch.path(), none, all), format!("remove {name}"));
        }
        let changes: [(&str, Change); 4] = [
            ("rename a fragment", |root| {
                fs::rename(root.join("teams/web/web.cue"), root.join("teams/web/a.cue")).unwrap();
            }),
            ("add an empty fragment", |root| {
                fs::write(root.join("teams/web/b.cue"), "").unwrap();
            }),
            ("add a file that is not UTF-8", |root| {
                fs::write(root.join("teams/web/c.cue"), [0xff]).unwrap();
            }),
            ("move text from one fragment to another", |root| {
                let (from, to) = (root.join("kcc.cue"), root.join("teams/web/web.cue"));
                let text = fs::read_to_string(&from).unwrap();
                let cut = text.len() - 1;
                fs::write(from, &text[..cut]).unwrap();
                let joined = text[cut..].to_owned() + &fs::read_to_string(&to).unwrap();
                fs::write(to, joined).unwrap();
            }),
        ];
        for (name, change) in changes {
            let scratch = directory_with(SYSTEM);
            change(scratch.path());
            another(key_of(scratch.path(), none, all), name.to_owned());
        }
        for args in [
            &["--eval-timeout", "29s"][..],
            &["--eval-memory", "1Gi"],
            &["--context", "a"],
            &["--namespace", "a"],
        ] {
            another(key_of(scratch.path(), args, all), args.join(" "));
        }
        for targets in [&["dev"][..], &["prod"], &["dev", "prod"]] {
            another(key_of(scratch.path(), none, targets), targets.join(" "));
        }
    }

    /// A change of the files of a system.
    type Change = fn(&Path);

    /// Checks a system and returns its outcome as text.
    fn check(directory: &Path, cache: Option<&Path>) -> String {
        let mut settings = settings(&[], directory);
        settings.cache = cache.map(Path::to_owned);
        let context = Context {
            printer: Printer::new(&settings),
            settings,
        };
        let targets = pipeline::Targets::of(&[]);
        match pipeline::check(&context, None, &targets) {
            Ok(mut checked) => {
                // Nothing points into them.
                assert!(checked.diagnosis.diagnostics.is_empty());
                checked.diagnosis.files = Arc::default();
                format!("{checked:?}")
            }
            Err(Failure::Configuration(diagnosis)) => format!("{diagnosis:?}"),
            Err(failure) => panic!("{failure:?}"),
        }
    }

    /// Checks a system twice and returns the outcome, which has to be the same.
    fn check_twice(directory: &Path, cache: &Path) -> String {
        let first = check(directory, Some(cache));
        let entries = || fs::read_dir(cache).unwrap().count();
        let written = entries();
        assert_eq!(check(directory, Some(cache)), first);
        assert_eq!(entries(), written, "nothing was evaluated");
        assert_eq!(check(directory, None), first, "without a cache");
        first
    }

    #[test]
    fn an_outcome_holds_until_a_file_that_it_depends_on_changes() {
        let scratch = directory_with([
            (
                "shop/kcc.cue",
                "package shop\nsystem: {name: \"shop\", teams: web: path: \"teams/web\"}\n",
            ),
            (
                "shop/teams/web/web.cue",
                "package shop\nservices: web: {\n\timage: \"acme/web:1\"\n\tport: 80\n\tfiles: \"/etc/a\": source: \"a.toml\"\n}\n",
            ),
            ("shop/teams/web/a.toml", "a = 1\n"),
        ]);
        let (shop, cache) = (scratch.path().join("shop"), scratch.path().join("cache"));
        let clean = check_twice(&shop, &cache);
        assert!(clean.starts_with("Checked"), "{clean}");
        let file = shop.join("teams/web/a.toml");
        fs::rename(&file, shop.join("teams/web/b.toml")).unwrap();
        let missing = check_twice(&shop, &cache);
        assert!(missing.contains("a.toml"), "{missing}");
        fs::rename(shop.join("teams/web/b.toml"), &file).unwrap();
        assert_eq!(check_twice(&shop, &cache), clean);
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_not_needed() {
        let scratch = directory_with(SYSTEM.map(|(name, text)| (format!("shop/{name}"), text)));
        let (shop, cache) = (scratch.path().join("shop"), scratch.path().join("cache"));
        fs::write(&cache, "not a directory").unwrap();
        let plain = check(&shop, None);
        assert_eq!(check(&shop, Some(&cache)), plain);
    }

    #[test]
    fn an_outcome_of_this_machine_is_not_stored() {
        let of = |code| Diagnosis::from(Diagnostics::from(kcc_diag::Diagnostic::error(code, "no")));
        assert!(depends_on_machine(&of(Code::EvalTimeout)));
        assert!(depends_on_machine(&of(Code::EvalMemory)));
        assert!(!depends_on_machine(&of(Code::EvalConflict)));
    }
}
