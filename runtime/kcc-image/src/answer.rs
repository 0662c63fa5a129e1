//! The steps between the configuration of an image and the facts, which registries and
//! engines share: which questions need a look into the layers, and what its result adds.

use std::collections::BTreeSet;

use kcc_lock::{DirectoryFacts, ImageFacts, NoDirectory};

use crate::{
    config::Config,
    layers::{Found, Search},
    passwd,
};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Returns the facts that need no layer, and the search for the others.
pub(crate) fn start(
    config: &Config,
    directories: &BTreeSet<String>,
) -> (ImageFacts, Option<Search>) {
    let mut facts = config.facts();
    let (ids, open) = passwd::numbers(config.user());
    (facts.uid, facts.gid) = (ids.uid, ids.gid);
    // Root can write everywhere.
    let owners = directories.iter().filter(|_| ids.uid != Some(0));
    let files = [PASSWD, GROUP].into_iter().filter(|_| open);
    let wanted: BTreeSet<_> = owners.map(String::as_str).chain(files).collect();
    let search = (!wanted.is_empty()).then(|| Search::of(wanted));
    (facts, search)
}

/// Adds what a search has found.
pub(crate) fn fill(
    facts: &mut ImageFacts,
    config: &Config,
    directories: &BTreeSet<String>,
    search: &Search,
) {
    let file = |path| match search.get(path) {
        Found::File(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    };
    let ids = passwd::resolve(config.user(), &file(PASSWD), &file(GROUP));
    (facts.uid, facts.gid) = (ids.uid, ids.gid);
    for path in directories {
        let found = match search.get(path) {
            Found::Directory(directory) => DirectoryFacts::Present(*directory),
            Found::Absent => DirectoryFacts::Other(NoDirectory::Absent),
            Found::File(_) | Found::Undecided => DirectoryFacts::Other(NoDirectory::Unknown),
        };
        facts.directories.insert(path.clone(), found);
    }
}
