//! [`StateFolder`]: where the state of one target lies on this machine:
//! `$XDG_STATE_HOME/kcc/<system>/<target>[/<instance>]`, readable by its owner
//! alone. Files are replaced as a whole, so that a kill leaves the old or the new.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use kcc_diag::Code;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Intent, Inventory, Lock, Options, Scope};

/// The state of one target.
#[derive(Debug, Clone)]
pub struct StateFolder {
    path: PathBuf,
}

impl StateFolder {
    /// Where the state of a scope lies. Nothing is made yet.
    pub fn of(scope: &Scope, options: &Options) -> Result<Self, Error> {
        let home = match (options.var("XDG_STATE_HOME"), options.var("HOME")) {
            (Some(state), _) if Path::new(state).is_absolute() => PathBuf::from(state),
            (_, Some(home)) => Path::new(home).join(".local/state"),
            (_, None) => {
                return Err(
                    Error::new(Code::StateStore, "there is no folder for kcc's state")
                        .help("set `HOME`, or `XDG_STATE_HOME` to an absolute path"),
                );
            }
        };
        let mut path = home.join("kcc").join(&scope.system).join(&scope.target);
        if let Some(instance) = &scope.instance {
            path = path.join("instances").join(instance);
        }
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder and takes its lock for a command, such as `an apply`.
    pub fn lock(&self, command: &str) -> Result<Lock, Error> {
        self.make()?;
        Lock::take(&self.path.join("lock"), command)
    }

    /// Fails where another command is changing the target. Changes nothing.
    pub fn refuse_held(&self) -> Result<(), Error> {
        Lock::refuse_held(&self.path.join("lock"))
    }

    /// What an apply that was killed wanted to do.
    pub fn intent(&self) -> Result<Option<Intent>, Error> {
        self.read("intent.json")
    }

    /// What the last apply left.
    pub fn inventory(&self) -> Result<Option<Inventory>, Error> {
        self.read("inventory.json")
    }

    /// Stores an intent: call before the first mutation.
    pub fn begin(&self, intent: &Intent) -> Result<(), Error> {
        self.write("intent.json", &json(intent))
    }

    /// Stores what is there now and forgets the intent: call after the last mutation.
    pub fn end(&self, inventory: &Inventory) -> Result<(), Error> {
        if inventory.objects.is_empty() {
            self.remove("inventory.json")?;
        } else {
            self.write("inventory.json", &json(inventory))?;
        }
        self.remove("intent.json")
    }

    /// The value of a generated secret, if it was made.
    pub fn secret(&self, name: &str) -> Result<Option<String>, Error> {
        let path = self.path.join("secrets").join(name);
        match fs::read_to_string(&path) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fail("read", &path, error)),
        }
    }

    /// Keeps the value of a generated secret, for its owner alone.
    pub fn keep_secret(&self, name: &str, value: &str) -> Result<(), Error> {
        make(&self.path.join("secrets"))?;
        self.write(&format!("secrets/{name}"), value.as_bytes())
    }

    /// Forgets the values of all generated secrets: call once the data that
    /// they open is gone.
    pub fn forget_secrets(&self) -> Result<(), Error> {
        let path = self.path.join("secrets");
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(fail("remove", &path, error)),
            _ => Ok(()),
        }
    }

    fn make(&self) -> Result<(), Error> {
        make(&self.path)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let path = self.path.join(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fail("read", &path, error)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            fail("understand", &path, error)
                .help("it was changed or belongs to another version of kcc; move it away to go on without it")
        })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.make()?;
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
            sync_folder(&path)
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

/// Makes a renamed file survive a power failure.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if cfg!(unix)
        && let Some(folder) = path.parent()
    {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn make(path: &Path) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .map_err(|error| fail("make", path, error))
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
    use crate::{Action, EngineName, InventoryObject, Operation};

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

    fn place() -> (tempfile::TempDir, StateFolder) {
        let home = tempfile::tempdir().unwrap();
        let options = options(&[("XDG_STATE_HOME", home.path().to_str().unwrap())]);
        let state = StateFolder::of(&scope(None), &options).unwrap();
        (home, state)
    }

    fn inventory(objects: Vec<InventoryObject>) -> Inventory {
        let after = BTreeMap::new();
        Inventory {
            scope: scope(None),
            engine: EngineName::Docker,
            since: 7,
            objects,
            after,
            failures: BTreeMap::new(),
            secrets: BTreeSet::new(),
        }
    }

    #[test]
    fn the_folder_follows_the_environment_and_the_scope() {
        let path = |vars: &[(&str, &str)], instance| {
            StateFolder::of(&scope(instance), &options(vars)).map(|state| state.path)
        };
        let home = [("HOME", "/home/ann")];
        let plain = Path::new("/home/ann/.local/state/kcc/shop/dev");
        assert_eq!(path(&home, None).unwrap(), plain);
        assert_eq!(path(&home, Some("a")).unwrap(), plain.join("instances/a"));
        let both = [("HOME", "/home/ann"), ("XDG_STATE_HOME", "/state")];
        assert_eq!(path(&both, None).unwrap(), Path::new("/state/kcc/shop/dev"));
        // The specification says that a relative path counts as none.
        let relative = [("HOME", "/home/ann"), ("XDG_STATE_HOME", "state")];
        assert_eq!(path(&relative, None).unwrap(), plain);
        assert_eq!(path(&[], None).unwrap_err().code, Code::StateStore);
    }

    #[test]
    fn an_intent_is_there_until_the_inventory_is() {
        let (_home, state) = place();
        assert!(state.intent().unwrap().is_none() && state.inventory().unwrap().is_none());
        let operation = |action, name: &str| Operation {
            id: 1,
            action,
            engine: EngineName::Docker,
            kind: "container".to_owned(),
            name: name.to_owned(),
            component: None,
            team: None,
            cause: String::new(),
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
            intent.made().into_iter().collect::<Vec<_>>(),
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
            "nothing is left to remember"
        );
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let (_home, state) = place();
        state.write("inventory.json", b"{").unwrap();
        let error = state.inventory().unwrap_err();
        assert_eq!(error.code, Code::StateStore);
        assert!(
            error.message.starts_with("cannot understand `"),
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
    fn secrets_and_state_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (_home, state) = place();
        state.keep_secret("stripe-key", "v").unwrap();
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
        state.forget_secrets().unwrap();
        assert_eq!(state.secret("stripe-key").unwrap(), None);
        state.forget_secrets().unwrap();
    }
}
