//! [`Secrets`]: the values of secrets, fetched from their providers.
//!
//! Engines put values into the environment and files of containers or into a
//! cluster's Secrets, and nowhere else. [`Secrets::redact`] removes them from the
//! output of applications before it is shown.

mod provider;
mod random;

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_model::{EnvValue, Name, Part, SecretProvider, percent_encoded};

use self::provider::{OTHER_PROVIDER, fetch, missing, read};
pub use self::random::generate;
use crate::{Error, MissingSecret, Options};

/// Values by secret name. Has no `Debug`, so that no value reaches a message.
#[derive(Clone, Default)]
pub struct Secrets {
    values: BTreeMap<String, String>,
}

/// The secrets of a scope that kcc generated. Has no `Debug`: the values are secrets.
#[derive(Default)]
pub struct GeneratedSecrets {
    /// The values that are kept with the engine.
    pub values: BTreeMap<String, String>,
    /// The names that the inventory lists. Without its value a secret is lost.
    pub recorded: BTreeSet<Name>,
}

impl GeneratedSecrets {
    /// Returns true if no value is kept.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns the value of a secret, or the reason why it is lost; nothing if it was
    /// never generated. Existing data may depend on one that is lost: a new value would
    /// lock that data up.
    fn get(&self, name: &str) -> Option<Result<String, MissingSecret>> {
        match self.values.get(name) {
            Some(value) => Some(Ok(value.clone())),
            None if self.recorded.contains(name) => Some(Err(lost_secret(name))),
            None => None,
        }
    }
}

impl Secrets {
    /// Fetches the values from outside kcc, and collects the reasons for those that are
    /// missing.
    pub async fn fetch_available(
        names: impl IntoIterator<Item = &str>,
        providers: &BTreeMap<String, SecretProvider>,
        options: &Options,
    ) -> (Self, Vec<MissingSecret>) {
        let mut lookup = Lookup::default();
        for name in names {
            let value = match providers.get(name) {
                Some(SecretProvider::Generate {}) => continue,
                Some(provider) => fetch(name, provider, options).await,
                None => Err(missing(
                    name,
                    "it is not declared for this target",
                    OTHER_PROVIDER,
                )),
            };
            lookup.add(name, value);
        }
        let Lookup { values, missing } = lookup;
        (Self { values }, missing)
    }

    /// Adds the values of the generated secrets among `names`, and returns the reasons
    /// for lost ones. Generates nothing, so a secret that no apply has needed yet gets
    /// neither a value nor a reason.
    pub fn add_generated<'a>(
        &mut self,
        names: impl IntoIterator<Item = &'a str>,
        providers: &BTreeMap<String, SecretProvider>,
        generated: &GeneratedSecrets,
    ) -> Vec<MissingSecret> {
        let mut lost = Vec::new();
        let own = names
            .into_iter()
            .filter(|name| providers.get(*name) == Some(&SecretProvider::Generate {}));
        for name in own {
            match generated.get(name) {
                Some(Ok(value)) => _ = self.values.insert(name.to_owned(), value),
                Some(Err(missing)) => lost.push(missing),
                None => {}
            }
        }
        lost
    }

    /// Adds the generated secrets among `names`, and returns those that it had to
    /// generate, which the caller stores before it uses them.
    pub fn with_generated<'a>(
        self,
        names: impl IntoIterator<Item = &'a str>,
        providers: &BTreeMap<String, SecretProvider>,
        generated: &GeneratedSecrets,
    ) -> Result<(Self, Self), Error> {
        let mut new = BTreeMap::new();
        let mut lookup = Lookup {
            values: self.values,
            missing: Vec::new(),
        };
        for name in names {
            let is_generated = providers.get(name) == Some(&SecretProvider::Generate {});
            if !is_generated || lookup.values.contains_key(name) {
                continue;
            }
            let value = if let Some(value) = generated.get(name) {
                value
            } else {
                let value = generate(name)?;
                new.insert(name.to_owned(), value.clone());
                Ok(value)
            };
            lookup.add(name, value);
        }
        Ok((lookup.finish()?, Self { values: new }))
    }

    /// Fetches the values of secrets from outside kcc, with the user's
    /// permissions. Generates nothing.
    pub async fn fetch<'a>(
        secrets: impl IntoIterator<Item = (&'a str, &'a SecretProvider)>,
        options: &Options,
    ) -> Result<Self, Error> {
        let mut lookup = Lookup::default();
        for (name, provider) in secrets {
            lookup.add(name, fetch(name, provider, options).await);
        }
        lookup.finish()
    }

    /// Adds values.
    #[must_use]
    pub fn and(mut self, values: BTreeMap<String, String>) -> Self {
        self.values.extend(values);
        self
    }

    /// Returns the value of one secret.
    pub fn get(&self, name: &str) -> Result<&str, Error> {
        let value = self.values.get(name).map(String::as_str);
        value.ok_or_else(|| missing(name, "it was not requested in advance", OTHER_PROVIDER).into())
    }

    /// Returns the values that can be read without generating or running
    /// anything, for redaction; none if any value is unavailable.
    pub fn readable(
        providers: &BTreeMap<String, SecretProvider>,
        generated: &GeneratedSecrets,
        options: &Options,
    ) -> Option<Self> {
        let mut values = BTreeMap::new();
        for (name, provider) in providers {
            let value = peek(name, provider, generated, options).ok()?;
            values.extend(value.map(|value| (name.clone(), value)));
        }
        Some(Self { values })
    }

    /// Returns the values that can be read without generating or running anything, and
    /// the names of the secrets whose values cannot.
    pub fn known(
        providers: &BTreeMap<String, SecretProvider>,
        generated: &GeneratedSecrets,
        options: &Options,
    ) -> (Self, BTreeSet<String>) {
        let (mut values, mut unreadable) = (BTreeMap::new(), BTreeSet::new());
        for (name, provider) in providers {
            match peek(name, provider, generated, options) {
                Ok(value) => values.extend(value.map(|value| (name.clone(), value))),
                Err(()) => _ = unreadable.insert(name.clone()),
            }
        }
        (Self { values }, unreadable)
    }

    /// Returns all values by name, to write them into files.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// Returns all values by name, to keep them.
    pub fn into_values(self) -> BTreeMap<String, String> {
        self.values
    }

    /// Resolves the value of a variable.
    pub fn resolve(&self, variable: &EnvValue) -> Result<String, Error> {
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
            EnvValue::Field(_) => Err(Error::new(
                Code::ApplyRefused,
                "a fact about a pod was not resolved",
            )),
        }
    }

    /// Replaces every secret value in a text with `***`.
    pub fn redact(&self, text: &str) -> String {
        self.redaction().apply(text)
    }

    /// Returns the redaction of all values, for many texts.
    pub fn redaction(&self) -> Redaction {
        Redaction::new(self.values.values())
    }
}

/// The length of a value, in bytes, below which it is replaced only as a whole word: a
/// password such as `on` would garble every text, and tell by that what it is.
const SHORT: usize = 6;

/// Values that are replaced in texts, as they are and as they stand in a URL. Has no
/// `Debug`: the values are secrets.
pub struct Redaction(Vec<String>);

impl Redaction {
    /// Prepares the redaction of some values.
    pub fn new<'v>(values: impl IntoIterator<Item = &'v String>) -> Self {
        let trimmed = values.into_iter().map(|value| value.trim());
        let both = trimmed.flat_map(|value| [value.to_owned(), percent_encoded(value)]);
        let mut values: Vec<String> = both.filter(|value| !value.is_empty()).collect();
        // One secret may contain another: replace the longer one first.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self(values)
    }

    /// Replaces every value in a text with `***`.
    pub fn apply(&self, text: &str) -> String {
        let replace = |text: String, value: &String| {
            if value.len() < SHORT {
                replace_words(&text, value)
            } else {
                text.replace(value, "***")
            }
        };
        self.0.iter().fold(text.to_owned(), replace)
    }
}

/// Replaces a value where no letter or digit continues it.
fn replace_words(text: &str, value: &str) -> String {
    let continues = |next: Option<char>| next.is_some_and(char::is_alphanumeric);
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(value) {
        let (before, after) = (&rest[..at], &rest[at + value.len()..]);
        let previous = before.chars().next_back().or(replaced.chars().next_back());
        replaced.push_str(before);
        let part = continues(previous) || continues(after.chars().next());
        replaced.push_str(if part { value } else { "***" });
        rest = after;
    }
    replaced + rest
}

/// Reads a value without generating or running anything; fails if that is impossible.
/// A secret that was never generated has no value and appears in no text.
fn peek(
    name: &str,
    provider: &SecretProvider,
    generated: &GeneratedSecrets,
    options: &Options,
) -> Result<Option<String>, ()> {
    match provider {
        SecretProvider::Generate {} => Ok(generated.values.get(name).cloned()),
        SecretProvider::Command(_) => Err(()),
        provider => read(name, provider, options).map(Some).map_err(drop),
    }
}

/// The result of looking up several secrets.
#[derive(Default)]
struct Lookup {
    values: BTreeMap<String, String>,
    missing: Vec<MissingSecret>,
}

impl Lookup {
    fn add(&mut self, name: &str, value: Result<String, MissingSecret>) {
        match value {
            Ok(value) => _ = self.values.insert(name.to_owned(), value),
            Err(missing) => self.missing.push(missing),
        }
    }

    /// Returns all values, or an error that names every missing one.
    fn finish(self) -> Result<Secrets, Error> {
        if self.missing.is_empty() {
            let values = self.values;
            return Ok(Secrets { values });
        }
        Err(self.missing.into())
    }
}

fn lost_secret(name: &str) -> MissingSecret {
    missing(
        name,
        "it was generated earlier and its value is lost; existing data may depend on it",
        "name a provider that has the value under `on`, such as \
         `env: \"PASSWORD\"`, or remove the data with `kcc down --volumes`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> (tempfile::TempDir, Options) {
        let root = tempfile::tempdir().unwrap();
        let options = Options {
            root: root.path().to_owned(),
            env: BTreeMap::from([("STRIPE".to_owned(), "sk_live".to_owned())]),
            ..Options::default()
        };
        (root, options)
    }

    #[test]
    fn short_values_are_redacted_as_whole_words() {
        let values = ["on".to_owned(), "p@ss".to_owned(), "secret-key".to_owned()];
        let redaction = Redaction::new(&values);
        for (text, expected) in [
            ("turn it on: on=on", "turn it ***: ***=***"),
            ("connection one on", "connection one ***"),
            ("p@ss p@ssword p%40ss", "*** p@ssword ***"),
            ("xsecret-keyx", "x***x"),
            ("éon ononon", "éon ononon"),
        ] {
            assert_eq!(redaction.apply(text), expected);
        }
    }

    /// Fetches existing values and then generates the rest, as an apply does.
    async fn all(
        names: &[&str],
        providers: &BTreeMap<String, SecretProvider>,
        generated: &mut GeneratedSecrets,
        options: &Options,
    ) -> Result<Secrets, Error> {
        let names = names.iter().copied();
        let (mut found, mut missing) =
            Secrets::fetch_available(names.clone(), providers, options).await;
        missing.extend(found.add_generated(names.clone(), providers, generated));
        if !missing.is_empty() {
            return Err(missing.into());
        }
        let (all, new) = found.with_generated(names, providers, generated)?;
        generated.values.extend(new.values);
        Ok(all)
    }

    fn providers(list: Vec<(&str, SecretProvider)>) -> BTreeMap<String, SecretProvider> {
        list.into_iter()
            .map(|(name, provider)| (name.to_owned(), provider))
            .collect()
    }

    #[tokio::test]
    async fn a_value_with_nul_is_refused_without_being_shown() {
        let (root, options) = scratch();
        std::fs::write(root.path().join("token"), "t0ken\0rest\n").unwrap();
        let print = ["printf", "t0ken\\0rest"].map(str::to_owned).to_vec();
        for provider in [
            SecretProvider::File("token".into()),
            SecretProvider::Command(print),
        ] {
            let providers = providers(vec![("token", provider)]);
            let (_, missing) = Secrets::fetch_available(["token"], &providers, &options).await;
            assert!(missing[0].why.contains("NUL"), "{missing:?}");
            assert!(!format!("{missing:?}").contains("t0ken\\0"), "{missing:?}");
        }
    }

    #[tokio::test]
    async fn fetches_a_value_from_every_provider() {
        let (root, options) = scratch();
        let mut kept = GeneratedSecrets::default();
        std::fs::write(root.path().join("token"), "t0ken\n").unwrap();
        let command = ["printf", "from %s", "command"].map(str::to_owned).to_vec();
        let providers = providers(vec![
            ("generated", SecretProvider::Generate {}),
            ("env", SecretProvider::Env("STRIPE".into())),
            ("file", SecretProvider::File("token".into())),
            ("command", SecretProvider::Command(command)),
        ]);
        let names = ["generated", "env", "file", "command"];
        let first = all(&names, &providers, &mut kept, &options).await.unwrap();
        let second = all(&names, &providers, &mut kept, &options).await.unwrap();
        assert_eq!(first.values, second.values, "a generated secret is stable");
        assert_eq!(first.values["env"], "sk_live");
        assert_eq!(first.values["file"], "t0ken");
        assert_eq!(first.values["command"], "from command");

        let template = EnvValue::Template(vec![
            Part::Text("redis://:".into()),
            Part::Secret("env".into()),
            Part::Text("@carts".into()),
        ]);
        assert_eq!(first.resolve(&template).unwrap(), "redis://:sk_live@carts");
        assert_eq!(first.redact("bad key sk_live, t0ken"), "bad key ***, ***");
    }

    #[test]
    fn does_not_regenerate_a_lost_secret() {
        let providers = providers(vec![
            ("old", SecretProvider::Generate {}),
            ("new", SecretProvider::Generate {}),
        ]);
        let generated = GeneratedSecrets {
            values: BTreeMap::new(),
            recorded: BTreeSet::from(["old".to_owned()]),
        };
        let mut found = Secrets::default();
        let missing = found.add_generated(["old", "new"], &providers, &generated);
        assert!(found.values.is_empty());
        let names: Vec<_> = missing.iter().map(|secret| secret.name.as_str()).collect();
        assert_eq!(names, ["old"], "the other one was never needed");
        let error = found
            .with_generated(["old", "new"], &providers, &generated)
            .err()
            .unwrap();
        assert!(error.message.contains("`old`") && error.message.contains("is lost"));
    }

    #[test]
    fn generates_strong_passwords() {
        let mut all = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let secret = generate("generated").unwrap();
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

    #[tokio::test]
    async fn names_missing_secrets_without_showing_values() {
        let (_root, options) = scratch();
        let script = ["sh", "-c", "echo hunter2; exit 3"]
            .map(str::to_owned)
            .to_vec();
        let providers = providers(vec![
            ("env", SecretProvider::Env("UNSET".into())),
            ("command", SecretProvider::Command(script)),
        ]);
        let failed = |names: &'static [&'static str]| {
            let (providers, options) = (&providers, &options);
            async move {
                let mut kept = GeneratedSecrets::default();
                let found = all(names, providers, &mut kept, options).await;
                found.err().unwrap()
            }
        };
        let error = failed(&["env"]).await;
        assert_eq!(
            error.message,
            "cannot get secret `env`: variable `UNSET` is not set"
        );
        let both = failed(&["env", "command"]).await;
        let reported: Vec<_> = both.secrets.into_iter().map(|secret| secret.name).collect();
        assert_eq!(reported, ["env", "command"], "all are reported at once");
        let error = failed(&["command"]).await;
        assert!(error.chain().contains("`sh` failed with exit code 3"));
        assert!(!error.chain().contains("hunter2"));
        let kept = GeneratedSecrets::default();
        assert!(Secrets::readable(&providers, &kept, &options).is_none());
    }
}
