//! [`RecordDirectory`]: the directory with the records of one scope on this machine,
//! `$XDG_STATE_HOME/kcc/<system>/<target>[/instances/<instance>]`, readable by its
//! owner only. Files are replaced atomically, so a kill leaves the old or the new.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use kcc_diag::Code;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Intent, Inventory, Lock, Options, Scope};

/// The directory with the records of one scope.
#[derive(Debug, Clone)]
pub struct RecordDirectory {
    path: PathBuf,
}

impl RecordDirectory {
    /// Locates the directory of a scope. Creates nothing yet.
    pub fn of(scope: &Scope, options: &Options) -> Result<Self, Error> {
        let home = match (options.var("XDG_STATE_HOME"), options.var("HOME")) {
            (Some(state), _) if Path::new(state).is_absolute() => PathBuf::from(state),
            (_, Some(home)) => Path::new(home).join(".local/state"),
            (_, None) => {
                return Err(Error::new(
                    Code::StateStore,
                    "cannot locate a directory for kcc's records",
                )
                .help("set `HOME`, or `XDG_STATE_HOME` to an absolute path"));
            }
        };
        let mut path = home.join("kcc").join(&scope.system).join(&scope.target);
        if let Some(instance) = &scope.instance {
            path = path.join("instances").join(instance);
        }
        Ok(Self { path })
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the directory and takes its lock for a command, such as `an apply`.
    pub fn lock(&self, command: &str) -> Result<Lock, Error> {
        self.create()?;
        Lock::take(&self.path.join("lock"), command)
    }

    /// Fails if another command is changing the target. Read-only.
    pub fn check_unlocked(&self) -> Result<(), Error> {
        Lock::check_unlocked(&self.path.join("lock"))
    }

    /// Returns the intent of an interrupted apply.
    pub fn intent(&self) -> Result<Option<Intent>, Error> {
        self.read("intent.json")
    }

    /// Returns the inventory that the last apply left.
    pub fn inventory(&self) -> Result<Option<Inventory>, Error> {
        self.read("inventory.json")
    }

    /// Stores an intent. Call it before the first mutation.
    pub fn begin(&self, intent: &Intent) -> Result<(), Error> {
        self.write("intent.json", &json(intent))
    }

    /// Stores the inventory, unless there is nothing to say, and removes the intent.
    /// Call it after the last mutation.
    pub fn end(&self, inventory: &Inventory) -> Result<(), Error> {
        if inventory.objects.is_empty() && inventory.unapplied.is_empty() {
            self.remove("inventory.json")?;
        } else {
            self.write("inventory.json", &json(inventory))?;
        }
        self.remove("intent.json")
    }

    /// Returns the value of a generated secret, if it was generated.
    pub fn secret(&self, name: &str) -> Result<Option<String>, Error> {
        let path = self.path.join("secrets").join(name);
        match fs::read_to_string(&path) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fail("read", &path, error)),
        }
    }

    /// Stores the value of a generated secret, readable by its owner only.
    pub fn store_secret(&self, name: &str, value: &str) -> Result<(), Error> {
        create_dir(&self.path.join("secrets"))?;
        self.write(&format!("secrets/{name}"), value.as_bytes())
    }

    /// Removes the values of all generated secrets. Call it once the data they
    /// unlock is gone.
    pub fn remove_secrets(&self) -> Result<(), Error> {
        let path = self.path.join("secrets");
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(fail("remove", &path, error)),
            _ => Ok(()),
        }
    }

    fn create(&self) -> Result<(), Error> {
        create_dir(&self.path)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let path = self.path.join(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fail("read", &path, error)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            fail("parse", &path, error)
                .help("move it away to continue without it; it was edited or written by another version of kcc")
        })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.create()?;
        let path = self.path.join(name);
        let part = self.path.join(format!("{name}.part"));
        let write = || -> std::io::Result<()> {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, &path)?;
            sync_parent(&path)
        };
        write().map_err(|error| fail("write", &path, error))
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(fail("remove", &path, error)),
            _ => Ok(()),
        }
    }
}

/// Makes a rename survive a power failure.
fn sync_parent(path: &Path) -> std::io::Result<()> {
    if cfg!(unix)
        && let Some(parent) = path.parent()
    {
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

fn create_dir(path: &Path) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .map_err(|error| fail("create", path, error))
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    // Plain structs with text keys always serialise.
    serde_json::to_vec_pretty(value).unwrap_or_default()
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
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use kcc_tree::Engine;

    use crate::{Action, InventoryObject, Operation, Unapplied};

    fn options(vars: &[(&str, &str)]) -> Options {
        let env = vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Options {
            env: env.collect(),
            ..Options::default()
        }
    }

    fn scope(instance: Option<&str>) -> Scope {
        let instance = instance.map(str::to_owned);
        Scope {
            system: "shop".to_owned(),
            target: "dev".to_owned(),
            instance,
        }
    }

    fn scratch() -> (tempfile::TempDir, RecordDirectory) {
        let home = tempfile::tempdir().unwrap();
        let options = options(&[("XDG_STATE_HOME", home.path().to_str().unwrap())]);
        let state = RecordDirectory::of(&scope(None), &options).unwrap();
        (home, state)
    }

    fn inventory(objects: Vec<InventoryObject>) -> Inventory {
        let after = BTreeMap::new();
        Inventory {
            scope: scope(None),
            engine: Engine::Docker,
            since: 7,
            objects,
            after,
            unapplied: Unapplied::default(),
            secrets: BTreeSet::new(),
        }
    }

    #[test]
    fn follows_the_environment_and_the_scope() {
        let path = |vars: &[(&str, &str)], instance| {
            RecordDirectory::of(&scope(instance), &options(vars)).map(|state| state.path)
        };
        let home = [("HOME", "/home/ann")];
        let plain = Path::new("/home/ann/.local/state/kcc/shop/dev");
        assert_eq!(path(&home, None).unwrap(), plain);
        assert_eq!(path(&home, Some("a")).unwrap(), plain.join("instances/a"));
        let both = [("HOME", "/home/ann"), ("XDG_STATE_HOME", "/state")];
        assert_eq!(path(&both, None).unwrap(), Path::new("/state/kcc/shop/dev"));
        // The XDG specification says to ignore a relative path.
        let relative = [("HOME", "/home/ann"), ("XDG_STATE_HOME", "state")];
        assert_eq!(path(&relative, None).unwrap(), plain);
        assert_eq!(path(&[], None).unwrap_err().code, Code::StateStore);
    }

    #[test]
    fn intent_exists_until_the_inventory_is_written() {
        let (_home, state) = scratch();
        assert!(state.intent().unwrap().is_none() && state.inventory().unwrap().is_none());
        let operation = |action, name: &str| Operation {
            id: 1,
            action,
            engine: Engine::Docker,
            kind: "container".to_owned(),
            name: name.to_owned(),
            component: None,
            team: None,
            cause: String::new(),
            changes: Vec::new(),
            destroys_data: false,
            after: Vec::new(),
        };
        let operations = vec![
            operation(Action::Create, "web"),
            operation(Action::Delete, "old"),
        ];
        let intent = Intent {
            scope: scope(None),
            since: 7,
            operations,
        };
        state.begin(&intent).unwrap();
        assert_eq!(state.intent().unwrap().as_ref(), Some(&intent));
        assert_eq!(
            intent.created().into_iter().collect::<Vec<_>>(),
            [("container", "web")]
        );

        let object = InventoryObject {
            kind: "container".to_owned(),
            name: "web".to_owned(),
            id: "1f".to_owned(),
            component: None,
            team: None,
            config: None,
        };
        let full = inventory(vec![object]);
        state.end(&full).unwrap();
        assert_eq!(state.inventory().unwrap().as_ref(), Some(&full));
        assert!(state.intent().unwrap().is_none());
        state.end(&inventory(Vec::new())).unwrap();
        assert!(
            state.inventory().unwrap().is_none(),
            "an empty inventory is not stored"
        );
        let mut failed = inventory(Vec::new());
        failed.unapplied.target = Some("it was stopped".to_owned());
        state.end(&failed).unwrap();
        assert_eq!(state.inventory().unwrap(), Some(failed));
    }

    #[test]
    fn names_a_file_that_cannot_be_parsed() {
        let (_home, state) = scratch();
        state.write("inventory.json", b"{").unwrap();
        let error = state.inventory().unwrap_err();
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

    #[cfg(unix)]
    #[test]
    fn secrets_and_records_are_readable_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let (_home, state) = scratch();
        state.store_secret("stripe-key", "v").unwrap();
        state.end(&inventory(Vec::new())).unwrap();
        assert_eq!(state.secret("stripe-key").unwrap().as_deref(), Some("v"));
        let mode = |path: &str| {
            fs::metadata(state.path.join(path))
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(
            (mode(""), mode("secrets"), mode("secrets/stripe-key")),
            (0o700, 0o700, 0o600)
        );
        state.remove_secrets().unwrap();
        assert_eq!(state.secret("stripe-key").unwrap(), None);
        state.remove_secrets().unwrap();
    }
}
