//! [`Case`]: reads and writes case files.

use std::path::Path;

use kcc_lock::{Images, Lock};
use kcc_test_support::Archive;

/// The default `system` of cases.
const SYSTEM: &str = "\
name = \"shop\"
teams.storefront.path = \"teams/storefront\"
teams.payments.path = \"teams/payments\"
teams.platform.path = \"teams/platform\"
teams.platform.governs = [\"services\"]
targets.dev.docker = {}
targets.prod.kubernetes = {}
";

/// A case.
pub(crate) struct Case {
    pub(crate) name: String,
    head: String,
    system: Option<String>,
    /// The text of `kcc.lock`.
    lock: Option<String>,
    pub(crate) fragments: Vec<Fragment>,
    /// Target, path and JSON of the shown parts of the model.
    pub(crate) shows: Vec<(String, String, String)>,
    /// The expected diagnostics.
    pub(crate) expected: String,
}

/// A file of a case.
pub(crate) struct Fragment {
    /// The team; none for the system's own file.
    pub(crate) team: Option<String>,
    /// The target, if the file is for a single one.
    pub(crate) target: Option<String>,
    pub(crate) text: String,
}

impl Case {
    pub(crate) fn parse(path: &Path, text: &str) -> Self {
        let name = path.file_stem().and_then(|name| name.to_str());
        let archive = Archive::parse(text);
        let mut case = Self {
            name: name.expect("a name").to_owned(),
            head: archive.comment,
            system: None,
            lock: None,
            fragments: Vec::new(),
            shows: Vec::new(),
            expected: String::new(),
        };
        for (title, text) in archive.sections {
            let words: Vec<_> = title.split(' ').collect();
            match words[..] {
                ["system"] => case.system = Some(text),
                ["lock"] => case.lock = Some(text),
                ["expected"] => case.expected = text,
                ["show", target, path] => {
                    case.shows.push((target.to_owned(), path.to_owned(), text));
                }
                [team] => case.fragments.push(Fragment::of(team, None, text)),
                [team, "on", target] => case.fragments.push(Fragment::of(team, Some(target), text)),
                _ => panic!("{}: unknown section `{title}`", case.name),
            }
        }
        case
    }

    /// Returns the lines of `system`.
    pub(crate) fn system(&self) -> &str {
        self.system.as_deref().unwrap_or(SYSTEM)
    }

    /// Returns the facts about images.
    pub(crate) fn images(&self) -> Images {
        let text = self.lock.as_deref();
        text.map_or_else(Images::new, |text| {
            Lock::parse(text).expect("a lock file").images
        })
    }

    pub(crate) fn write(&self) -> String {
        let mut sections = Vec::new();
        let mut section = |title: &str, body: &str| {
            sections.push((title.to_owned(), body.to_owned()));
        };
        if let Some(system) = &self.system {
            section("system", system);
        }
        for fragment in &self.fragments {
            let team = fragment.team.as_deref().unwrap_or("kcc");
            match &fragment.target {
                Some(target) => section(&format!("{team} on {target}"), &fragment.text),
                None => section(team, &fragment.text),
            }
        }
        if let Some(lock) = &self.lock {
            section("lock", lock);
        }
        for (target, path, shown) in &self.shows {
            section(&format!("show {target} {path}"), shown);
        }
        section("expected", &self.expected);
        let archive = Archive {
            comment: self.head.clone(),
            sections,
        };
        archive.to_text()
    }
}

impl Fragment {
    fn of(team: &str, target: Option<&str>, text: String) -> Self {
        Self {
            team: (team != "kcc").then(|| team.to_owned()),
            target: target.map(str::to_owned),
            text,
        }
    }

    /// Returns the path of the file.
    pub(crate) fn file(&self) -> String {
        let directory = self
            .team
            .as_ref()
            .map_or(String::new(), |team| format!("teams/{team}/"));
        format!("{directory}{}.cue", self.target.as_deref().unwrap_or("all"))
    }
}
