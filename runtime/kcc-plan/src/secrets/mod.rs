//! [`Secrets`]: the values of secrets, from where their providers keep them.
//! An engine puts them into the environment and files of containers or into
//! Secrets of a cluster, and nowhere else: [`Secrets::redact`] takes them out of
//! what applications say.

mod provider;
mod random;

use std::collections::BTreeMap;

use kcc_diag::Code;
use kcc_model::{EnvValue, Part, SecretProvider};

use self::provider::{ANOTHER, fetch, missing, read};
pub use self::random::generate;
use crate::{Error, MissingSecret, Options, StateFolder};

/// Values by the secrets' names. It has no `Debug`, so that it reaches no message.
#[derive(Default)]
pub struct Secrets {
    values: BTreeMap<String, String>,
}

impl Secrets {
    /// Finds the values of the secrets that are named; one that is generated is
    /// made and kept where it is not there yet.
    pub async fn resolve(
        names: impl IntoIterator<Item = &str>,
        providers: &BTreeMap<String, SecretProvider>,
        state: &StateFolder,
        options: &Options,
    ) -> Result<Self, Error> {
        let mut found = Found::default();
        for name in names {
            let value = match providers.get(name) {
                None => Err(missing(name, "it is not declared for this target", ANOTHER)),
                Some(SecretProvider::Generate {}) => Ok(made(name, state)?),
                Some(provider) => fetch(name, provider, options).await,
            };
            found.add(name, value);
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
                    Part::Text(text) => Ok(text.as_str()),
                    Part::Secret(name) => secret(name),
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

/// The value that was made for a secret, be it now.
fn made(name: &str, state: &StateFolder) -> Result<String, Error> {
    if let Some(value) = state.secret(name)? {
        return Ok(value);
    }
    let value = generate(name)?;
    state.keep_secret(name, &value)?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;

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
        let first = Secrets::resolve(names, &providers, &state, &options)
            .await
            .unwrap();
        let again = Secrets::resolve(names, &providers, &state, &options)
            .await
            .unwrap();
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
        Secrets::resolve(["made"], &providers, &state, &options)
            .await
            .unwrap();
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
        let error = Secrets::resolve(["env"], &providers, &state, &options)
            .await
            .err()
            .unwrap();
        assert_eq!(
            error.message,
            "the value of secret `env` cannot be had: the variable `UNSET` is not set"
        );
        let all = Secrets::resolve(["env", "command"], &providers, &state, &options).await;
        let names = |error: Error| error.secrets.into_iter().map(|secret| secret.name);
        let told: Vec<_> = all.err().map(names).unwrap().collect();
        assert_eq!(told, ["env", "command"], "all are told at once");
        let error = Secrets::resolve(["command"], &providers, &state, &options)
            .await
            .err()
            .unwrap();
        assert!(error.chain().contains("`sh` ended with exit code 3"));
        assert!(!error.chain().contains("hunter2"));
        assert!(Secrets::known(&providers, &state, &options).is_none());
    }
}
