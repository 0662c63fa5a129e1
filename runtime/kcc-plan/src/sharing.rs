//! Components that an instance shares with its target: what both engines say about them,
//! and what the record of the instance remembers.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_model::Name;
use serde::Deserialize;

use crate::{Error, Record, Refusal, Request, Scope, Store};

/// An instance that uses a component of its target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sharer {
    /// The component.
    pub component: Name,
    /// The instance.
    pub instance: Name,
}

/// Fails if work on a target would remove what instances use. Their data is in it, and
/// they would fail without having been changed.
pub fn refuse_shared(
    scope: &Scope,
    request: &Request,
    sharers: impl IntoIterator<Item = Sharer>,
) -> Result<(), Error> {
    let mut used: BTreeMap<Name, BTreeSet<Name>> = BTreeMap::new();
    let concerned = |sharer: &Sharer| request.concerns(Some(&sharer.component));
    for sharer in sharers.into_iter().filter(concerned) {
        used.entry(sharer.instance)
            .or_default()
            .insert(sharer.component);
    }
    let lines = used.iter().map(|(instance, components)| {
        let components = components.iter().map(|name| format!("`{name}`"));
        let components: Vec<_> = components.collect();
        let verb = if components.len() == 1 { "is" } else { "are" };
        let components = components.join(", ");
        format!("{components} {verb} shared by instance `{instance}`")
    });
    let lines: Vec<_> = lines.collect();
    let Some((instance, _)) = used.first_key_value() else {
        return Ok(());
    };
    let instance = Scope {
        instance: Some(instance.clone()),
        ..scope.clone()
    };
    let message = format!("in `{}`, {}", scope.target, lines.join("; "));
    let help = format!(
        "take the instance down first: `{}`",
        instance.command("down")
    );
    Err(Error::new(Code::PlanSharedInUse, message).help(help))
}

/// Describes a shared component that the target does not run.
pub fn shared_not_running(scope: &Scope, name: &Name) -> Refusal {
    let target = scope.of_target();
    let instance = scope.instance.as_deref().unwrap_or_default();
    Refusal {
        code: Code::PlanSharedNotRunning,
        message: format!(
            "instance `{instance}` shares `{name}`, which does not run in `{}`",
            scope.target
        ),
        help: format!("start it: `{}`", target.command("apply")),
        component: Some(name.clone()),
        object: (String::new(), String::new()),
        field: Vec::new(),
    }
}

/// The part of an inventory that tells what an instance shares.
#[derive(Debug, Default, Deserialize)]
struct Remembered {
    #[serde(default)]
    shared: BTreeSet<Name>,
}

impl<S: Store> Record<S> {
    /// Returns the components that an instance shares: those of its last apply, and of
    /// one that was interrupted. A record that is damaged names none; whatever uses it
    /// reports that.
    pub async fn shared(&self) -> Result<BTreeSet<Name>, Error> {
        let snapshot = match self.read::<Remembered>().await {
            Err(error) if error.code == Code::StateDamaged => return Ok(BTreeSet::new()),
            read => read?,
        };
        let last = snapshot.inventory.unwrap_or_default().shared;
        let begun = snapshot.intent.map(|intent| intent.shared);
        Ok(last.into_iter().chain(begun.unwrap_or_default()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_every_instance_uses() {
        let scope = Scope {
            system: "shop".to_owned(),
            target: "dev".to_owned(),
            instance: None,
        };
        let sharer = |component: &str, instance: &str| Sharer {
            component: component.to_owned(),
            instance: instance.to_owned(),
        };
        let all = || {
            [
                sharer("db", "ann"),
                sharer("cache", "ann"),
                sharer("db", "ben"),
            ]
        };
        let error = refuse_shared(&scope, &Request::Apply, all()).unwrap_err();
        assert_eq!(
            error.message,
            "in `dev`, `cache`, `db` are shared by instance `ann`; `db` is shared by instance `ben`"
        );
        let help = "take the instance down first: `kcc down --target dev --instance ann`";
        assert_eq!(error.help.as_deref(), Some(help));
        let stop = |name: &str| Request::Stop(BTreeSet::from([name.to_owned()]));
        assert!(refuse_shared(&scope, &stop("web"), all()).is_ok());
        assert!(refuse_shared(&scope, &stop("db"), all()).is_err());
    }
}
