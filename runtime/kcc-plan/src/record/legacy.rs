//! [`LegacyRecords`]: the records of a Docker target in a user's state directory,
//! where kcc kept them before they lived with the engine. They are taken over once.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use kcc_diag::Code;
use serde::de::DeserializeOwned;

use crate::{Error, Inventory, Options, Scope, Snapshot};

const INVENTORY: &str = "inventory.json";
const INTENT: &str = "intent.json";
const SECRETS: &str = "secrets";

/// The content of a directory that was taken over. An earlier kcc cannot parse it and
/// changes nothing.
const TAKEN_OVER: &str = "The record of this target lives with its engine now; use a later kcc.\n";

/// The records of one scope in a state directory.
#[derive(Debug, Clone)]
pub struct LegacyRecords {
    path: PathBuf,
}

impl LegacyRecords {
    /// Locates the directory of a scope,
    /// `$XDG_STATE_HOME/kcc/<system>/<target>[/instances/<instance>]`; none if there are
    /// no records in it.
    pub fn find(scope: &Scope, options: &Options) -> Result<Option<Self>, Error> {
        let state = options.var("XDG_STATE_HOME").map(PathBuf::from);
        let home = match state.filter(|path| path.is_absolute()) {
            Some(state) => state,
            None => match options.var("HOME") {
                Some(home) => Path::new(home).join(".local/state"),
                None => return Ok(None),
            },
        };
        let mut path = home.join("kcc").join(&scope.system).join(&scope.target);
        if let Some(instance) = &scope.instance {
            path = path.join("instances").join(instance);
        }
        let found = Self { path };
        let inventory = found.read_file(INVENTORY)?;
        let taken_over = inventory.as_deref() == Some(TAKEN_OVER.as_bytes());
        let exists = inventory.is_some()
            || found.read_file(INTENT)?.is_some()
            || found.path.join(SECRETS).exists();
        Ok((exists && !taken_over).then_some(found))
    }

    /// Reads the inventory and the intent.
    pub fn read(&self) -> Result<Snapshot<Inventory>, Error> {
        Ok(Snapshot {
            epoch: 0,
            inventory: self.parse(INVENTORY)?,
            intent: self.parse(INTENT)?,
        })
    }

    /// Reads the values of generated secrets.
    pub fn secrets(&self) -> Result<BTreeMap<String, String>, Error> {
        let path = self.path.join(SECRETS);
        let mut values = BTreeMap::new();
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(values),
            entries => entries.map_err(|error| fail("list", &path, error))?,
        };
        for entry in entries {
            let path = entry.map_err(|error| fail("list", &path, error))?.path();
            // A name has no dots: with one it is a part that a kill left.
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(name) = name.filter(|name| !name.contains('.')) else {
                continue;
            };
            let value = fs::read_to_string(&path).map_err(|error| fail("read", &path, error))?;
            values.insert(name.to_owned(), value);
        }
        Ok(values)
    }

    /// Removes the records, which live elsewhere now, and leaves a note for earlier
    /// versions of kcc.
    pub fn retire(&self) -> Result<(), Error> {
        let path = self.path.join(INVENTORY);
        fs::write(&path, TAKEN_OVER).map_err(|error| fail("write", &path, error))?;
        for (name, remove) in [
            (
                INTENT,
                fs::remove_file as fn(PathBuf) -> std::io::Result<()>,
            ),
            ("lock", fs::remove_file),
            (SECRETS, fs::remove_dir_all),
        ] {
            let path = self.path.join(name);
            match remove(path.clone()) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(fail("remove", &path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn parse<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let Some(bytes) = self.read_file(name)? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            fail("parse", &self.path.join(name), error)
                .help("undo any edits of it, or move it away and take the objects back with `kcc recover`")
        })
    }

    fn read_file(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fail("read", &path, error)),
        }
    }
}

fn fail(
    verb: &str,
    path: &Path,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::new(
        Code::StateStore,
        format!("cannot {verb} `{}`", path.display()),
    )
    .cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = r#"{"scope": {"system": "shop", "target": "dev"}, "engine": "docker",
        "since": 7, "objects": [], "secrets": ["db"]}"#;

    fn write(home: &Path, name: &str, text: &str) {
        let path = home.join("kcc/shop/dev").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn find(home: &Path) -> Option<LegacyRecords> {
        let home = home.display().to_string();
        let options = Options {
            env: BTreeMap::from([("XDG_STATE_HOME".to_owned(), home)]),
            ..Options::default()
        };
        let scope = Scope {
            system: "shop".to_owned(),
            target: "dev".to_owned(),
            instance: None,
        };
        LegacyRecords::find(&scope, &options).unwrap()
    }

    #[test]
    fn are_taken_over_once() {
        let home = tempfile::tempdir().unwrap();
        assert!(find(home.path()).is_none());
        write(home.path(), "inventory.json", RECORDED);
        write(home.path(), "secrets/db", "v4lue");
        write(home.path(), "secrets/other.part", "v4l");
        let found = find(home.path()).unwrap();
        let recorded = found.read().unwrap();
        assert!(recorded.inventory.unwrap().secrets.contains("db"));
        assert_eq!(recorded.intent, None);
        let secrets = found.secrets().unwrap();
        assert_eq!(
            secrets,
            BTreeMap::from([("db".to_owned(), "v4lue".to_owned())])
        );
        found.retire().unwrap();
        assert!(!home.path().join("kcc/shop/dev/secrets").exists());
        assert!(find(home.path()).is_none());
        // An earlier kcc does not take the directory for an empty record.
        assert_eq!(found.read().unwrap_err().code, Code::StateStore);
        assert!(found.secrets().unwrap().is_empty());
    }

    #[test]
    fn a_file_that_cannot_be_parsed_is_named() {
        let home = tempfile::tempdir().unwrap();
        write(home.path(), "inventory.json", "{");
        let error = find(home.path()).unwrap().read().unwrap_err();
        assert_eq!(error.code, Code::StateStore);
        assert!(
            error.message.starts_with("cannot parse `"),
            "{}",
            error.message
        );
        assert!(
            error.message.ends_with("inventory.json`"),
            "{}",
            error.message
        );
    }
}
