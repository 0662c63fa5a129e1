//! [`Secrets`]: the values of secrets, from where their providers keep them.
//! An engine puts them into the environment and files of containers or into
//! Secrets of a cluster, and nowhere else: [`Secrets::redact`] takes them out of
//! what applications say.

mod provider;
mod random;

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_model::{EnvValue, Part, SecretProvider, percent_encoded};

use self::provider::{ANOTHER, fetch, missing, read};
pub use self::random::generate;
use crate::{Error, MissingSecret, Options, StateFolder};

/// Values by the secrets' names. It has no `Debug`, so that it reaches no message.
#[derive(Default)]
pub struct Secrets {
    values: BTreeMap<String, String>,
}

impl Secrets {
    /// Finds the values that are there, and says why others are not. None is
    /// made: one that is generated and was not needed so far is in neither.
    pub async fn available(
        names: impl IntoIterator<Item = &str>,
        providers: &BTreeMap<String, SecretProvider>,
        state: &StateFolder,
        options: &Options,
    ) -> Result<(Self, Vec<MissingSecret>), Error> {
        let mut found = Found::default();
        for name in names {
            let value = match providers.get(name) {
                None => Err(missing(name, "it is not declared for this target", ANOTHER)),
                Some(SecretProvider::Generate {}) => match state.secret(name)? {
                    Some(value) => Ok(value),
                    None if was_made(name, state)? => Err(lost(name)),
                    None => continue,
                },
                Some(provider) => fetch(name, provider, options).await,
            };
            found.add(name, value);
        }
        let Found { values, missing } = found;
        Ok((Self { values }, missing))
    }

    /// Adds the secrets of some names that are generated and not there yet: they
    /// are made and kept.
    pub fn with_generated<'a>(
        self,
        names: impl IntoIterator<Item = &'a str>,
        providers: &BTreeMap<String, SecretProvider>,
        state: &StateFolder,
    ) -> Result<Self, Error> {
        let mut found = Found {
            values: self.values,
            missing: Vec::new(),
        };
        for name in names {
            let generated = providers.get(name) == Some(&SecretProvider::Generate {});
            if generated && !found.values.contains_key(name) {
                found.add(name, made(name, state)?);
            }
        }
        found.all()
    }

    /// Fetches the values of secrets that are kept elsewhere, with whoever runs
    /// the command; none is made.
    pub async fn fetch<'a>(
        secrets: impl IntoIterator<Item = (&'a str, &'a SecretProvider)>,
        options: &Options,
    ) -> Result<Self, Error> {
        let mut found = Found::default();
        for (name, provider) in secrets {
            found.add(name, fetch(name, provider, options).await);
        }
        found.all()
    }

    /// The value of one secret.
    pub fn get(&self, name: &str) -> Result<&str, Error> {
        let value = self.values.get(name).map(String::as_str);
        value.ok_or_else(|| missing(name, "it was not asked for beforehand", ANOTHER).into())
    }

    /// The values that can be had without making or running anything, in order
    /// to take them out of texts; none if one of them cannot be had.
    pub fn known(
        providers: &BTreeMap<String, SecretProvider>,
        state: &StateFolder,
        options: &Options,
    ) -> Option<Self> {
        let mut values = BTreeMap::new();
        for (name, provider) in providers {
            let value = match provider {
                SecretProvider::Generate {} => state.secret(name).ok()?,
                SecretProvider::Command(_) => return None,
                provider => Some(read(name, provider, options).ok()?),
            };
            // A secret that was never made is in no text.
            values.extend(value.map(|value| (name.clone(), value)));
        }
        Some(Self { values })
    }

    /// All values by name, to write them into files.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// The value of a variable.
    pub fn fill(&self, variable: &EnvValue) -> Result<String, Error> {
        let secret = |name: &String| self.get(name);
        match variable {
            EnvValue::Literal(text) => Ok(text.clone()),
            EnvValue::Secret(name) => secret(name).map(str::to_owned),
            EnvValue::Template(parts) => parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => Ok(text.clone()),
                    Part::Secret(name) => secret(name).map(str::to_owned),
                    Part::Encoded(name) => secret(name).map(percent_encoded),
                })
                .collect(),
            EnvValue::Config { name, .. } => Err(Error::new(
                Code::ApplyRefused,
                format!("config `{name}` was not resolved"),
            )),
        }
    }

    /// A text without any of the values.
    pub fn redact(&self, text: &str) -> String {
        let mut values: Vec<_> = self
            .values
            .values()
            .filter(|value| !value.is_empty())
            .collect();
        // A secret may be a part of another: the longer one goes first.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.into_iter().fold(text.to_owned(), |text, value| {
            text.replace(value.as_str(), "***")
        })
    }
}

/// What was found of the secrets that are asked for.
#[derive(Default)]
struct Found {
    values: BTreeMap<String, String>,
    missing: Vec<MissingSecret>,
}

impl Found {
    fn add(&mut self, name: &str, value: Result<String, MissingSecret>) {
        match value {
            Ok(value) => _ = self.values.insert(name.to_owned(), value),
            Err(missing) => self.missing.push(missing),
        }
    }

    /// All values, or all that cannot be had.
    fn all(self) -> Result<Secrets, Error> {
        if self.missing.is_empty() {
            let values = self.values;
            return Ok(Secrets { values });
        }
        Err(self.missing.into())
    }
}

/// The value that was made for a secret, be it now. Where it was made before and
/// is gone, data may know it: a new value would lock that data up.
fn made(name: &str, state: &StateFolder) -> Result<Result<String, MissingSecret>, Error> {
    if let Some(value) = state.secret(name)? {
        return Ok(Ok(value));
    }
    if was_made(name, state)? {
        return Ok(Err(lost(name)));
    }
    let value = generate(name)?;
    state.keep_secret(name, &value)?;
    Ok(Ok(value))
}

/// Whether the last apply, or a recovery, knew that a generated secret exists.
fn was_made(name: &str, state: &StateFolder) -> Result<bool, Error> {
    let inventory = state.inventory()?;
    Ok(inventory.is_some_and(|inventory| inventory.secrets.contains(name)))
}

fn lost(name: &str) -> MissingSecret {
    missing(
        name,
        "it was generated before, and its value is lost; data that is kept may depend on it",
        "name a provider that has the value under `on`, such as \
         `env: \"PASSWORD\"`, or remove the data with `kcc down --volumes`",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{EngineName, Inventory, InventoryObject, Scope};

    fn place() -> (tempfile::TempDir, Options, StateFolder) {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state").display().to_string();
        let env = BTreeMap::from([
            ("XDG_STATE_HOME".to_owned(), state),
            ("STRIPE".to_owned(), "sk_live".to_owned()),
        ]);
        let options = Options {
            root: folder.path().to_owned(),
            env,
            ..Options::default()
        };
        let scope = Scope {
            system: "shop".into(),
            target: "dev".into(),
            instance: None,
        };
        let state = StateFolder::of(&scope, &options).unwrap();
        (folder, options, state)
    }

    /// What an apply does: what is there, then what has to be made.
    async fn all(
        names: &[&str],
        providers: &BTreeMap<String, SecretProvider>,
        state: &StateFolder,
        options: &Options,
    ) -> Result<Secrets, Error> {
        let names = names.iter().copied();
        let (found, missing) = Secrets::available(names.clone(), providers, state, options).await?;
        if !missing.is_empty() {
            return Err(missing.into());
        }
        found.with_generated(names, providers, state)
    }

    fn providers(list: Vec<(&str, SecretProvider)>) -> BTreeMap<String, SecretProvider> {
        list.into_iter()
            .map(|(name, provider)| (name.to_owned(), provider))
            .collect()
    }

    #[tokio::test]
    async fn every_provider_gives_its_value() {
        let (folder, options, state) = place();
        std::fs::write(folder.path().join("token"), "t0ken\n").unwrap();
        let command = ["printf", "from %s", "command"].map(str::to_owned).to_vec();
        let providers = providers(vec![
            ("made", SecretProvider::Generate {}),
            ("env", SecretProvider::Env("STRIPE".into())),
            ("file", SecretProvider::File("token".into())),
            ("command", SecretProvider::Command(command)),
        ]);
        let names = ["made", "env", "file", "command"];
        let first = all(&names, &providers, &state, &options).await.unwrap();
        let again = all(&names, &providers, &state, &options).await.unwrap();
        assert_eq!(first.values, again.values, "a generated secret is kept");
        assert_eq!(first.values["env"], "sk_live");
        assert_eq!(first.values["file"], "t0ken");
        assert_eq!(first.values["command"], "from command");

        let template = EnvValue::Template(vec![
            Part::Text("redis://:".into()),
            Part::Secret("env".into()),
            Part::Text("@carts".into()),
        ]);
        assert_eq!(first.fill(&template).unwrap(), "redis://:sk_live@carts");
        assert_eq!(first.redact("bad key sk_live, t0ken"), "bad key ***, ***");
    }

    #[tokio::test]
    async fn a_generated_secret_that_is_lost_is_not_made_again() {
        let (_folder, options, state) = place();
        let providers = providers(vec![
            ("old", SecretProvider::Generate {}),
            ("new", SecretProvider::Generate {}),
        ]);
        let inventory = Inventory {
            scope: Scope {
                system: "shop".into(),
                target: "dev".into(),
                instance: None,
            },
            engine: EngineName::Docker,
            since: 1,
            objects: vec![InventoryObject {
                kind: "volume".into(),
                name: "shop-dev-db-data".into(),
                id: "shop-dev-db-data".into(),
                component: None,
                team: None,
                config: None,
            }],
            after: BTreeMap::new(),
            failures: BTreeMap::new(),
            secrets: BTreeSet::from(["old".to_owned()]),
        };
        state.end(&inventory).unwrap();
        let (found, missing) = Secrets::available(["old", "new"], &providers, &state, &options)
            .await
            .unwrap();
        assert!(found.values.is_empty());
        let names: Vec<_> = missing.iter().map(|secret| secret.name.as_str()).collect();
        assert_eq!(names, ["old"], "nobody needed the other one so far");
        let error = found
            .with_generated(["old", "new"], &providers, &state)
            .err()
            .unwrap();
        assert!(error.message.contains("`old`") && error.message.contains("is lost"));
        assert_eq!(state.secret("old").unwrap(), None);
    }

    #[test]
    fn a_generated_secret_is_a_strong_password() {
        let mut all = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let secret = generate("made").unwrap();
            assert_eq!(secret.len(), 32);
            assert!(
                secret
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-')
            );
            assert!(!secret.starts_with('-') && secret.contains('-'));
            assert!(secret.contains(|c: char| c.is_ascii_lowercase()));
            assert!(secret.contains(|c: char| c.is_ascii_uppercase()));
            assert!(secret.contains(|c: char| c.is_ascii_digit()));
            all.insert(secret);
        }
        assert_eq!(all.len(), 500);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_generated_secret_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, options, state) = place();
        let providers = providers(vec![("made", SecretProvider::Generate {})]);
        all(&["made"], &providers, &state, &options).await.unwrap();
        let mode = |path: &str| {
            std::fs::metadata(state.path().join(path))
                .unwrap()
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!((mode("secrets"), mode("secrets/made")), (0o700, 0o600));
    }

    #[tokio::test]
    async fn what_is_missing_is_named_and_never_shown() {
        let (_folder, options, state) = place();
        let script = ["sh", "-c", "echo hunter2; exit 3"]
            .map(str::to_owned)
            .to_vec();
        let providers = providers(vec![
            ("env", SecretProvider::Env("UNSET".into())),
            ("command", SecretProvider::Command(script)),
        ]);
        let failed = |names: &'static [&'static str]| {
            let found = all(names, &providers, &state, &options);
            async { found.await.err().unwrap() }
        };
        let error = failed(&["env"]).await;
        assert_eq!(
            error.message,
            "the value of secret `env` cannot be had: the variable `UNSET` is not set"
        );
        let both = failed(&["env", "command"]).await;
        let told: Vec<_> = both.secrets.into_iter().map(|secret| secret.name).collect();
        assert_eq!(told, ["env", "command"], "all are told at once");
        let error = failed(&["command"]).await;
        assert!(error.chain().contains("`sh` ended with exit code 3"));
        assert!(!error.chain().contains("hunter2"));
        assert!(Secrets::known(&providers, &state, &options).is_none());
    }
}
