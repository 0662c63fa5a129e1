//! [`Fidelity`]: field by field, what of a copy is as it was in production. It begins with
//! what could hide the failure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use kcc_lower::{docker::DockerDesired, parity::Verdict};
use kcc_model::{Name, TargetModel, VolumeSource};
use serde::Serialize;
use serde_json::Value;

use crate::{
    Ran,
    process::{FIELD, Process, SECRET, Unit},
};

/// Begins the names of variables by which kcc passes secrets on in a cluster.
const HELPER: &str = "env.KCC_SECRET_";

/// The way in which a copy treats a field, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Treatment {
    /// Nothing.
    Dropped,
    /// Something else, which programs may notice.
    Replaced,
    /// Something that behaves alike, within limits.
    Emulated,
    /// The same under another name.
    Translated,
    /// The same.
    Same,
}

impl Treatment {
    /// Returns the treatment as text shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Replaced => "replaced",
            Self::Emulated => "emulated",
            Self::Translated => "translated",
            Self::Same => "same",
        }
    }
}

/// A field of a copy, compared with production.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// The component; none for what belongs to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Name>,
    /// The field, such as `web: env.LEVEL`.
    pub field: String,
    /// The treatment by the copy.
    pub treatment: Treatment,
    /// The value in production.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub production: Option<Value>,
    /// The value in the copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy: Option<Value>,
    /// The reason, unless it is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// True if programs cannot tell the difference.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub harmless: bool,
}

/// All fields of a copy, compared with production.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Fidelity {
    /// The fields, those first that could hide the failure.
    pub fields: Vec<Field>,
    #[serde(skip)]
    failing: BTreeSet<Name>,
}

impl Fidelity {
    pub(crate) fn new(failing: BTreeSet<Name>) -> Self {
        Self {
            fields: Vec::new(),
            failing,
        }
    }

    /// Returns the fields that are not the same.
    pub fn differences(&self) -> impl Iterator<Item = &Field> {
        let all = self.fields.iter();
        all.filter(|field| field.treatment != Treatment::Same)
    }

    /// Returns the number of fields that are the same.
    pub fn same(&self) -> usize {
        self.fields.len() - self.differences().count()
    }

    /// Describes the differences, one in a line.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for field in self.differences() {
            let treatment = field.treatment.as_str();
            let _ = write!(text, "{treatment:10}  {}", field.field);
            if let Some(why) = &field.why {
                let _ = write!(text, ": {why}");
            }
            text.push('\n');
        }
        let _ = writeln!(
            text,
            "{:10}  {} fields",
            Treatment::Same.as_str(),
            self.same()
        );
        text
    }

    /// Adds an image that is not the one that ran, although it has its name.
    pub(crate) fn other_image(&mut self, reference: &str) {
        let field = format!("image {reference}");
        self.replaced(
            None,
            field,
            "another image of this name, as `--any-image` allows",
        );
        *self = std::mem::take(self).sorted();
    }

    pub(crate) fn sorted(mut self) -> Self {
        let failing = self.failing.clone();
        self.fields.sort_by_key(|field| {
            let own = field
                .component
                .as_ref()
                .is_some_and(|name| failing.contains(name));
            let last = field.harmless || field.treatment == Treatment::Same;
            (last, field.treatment, !own, field.field.clone())
        });
        self
    }

    /// Compares the containers of a copy with those that ran, field by field.
    pub(crate) fn compare(
        &mut self,
        production: &BTreeMap<Unit, Process>,
        copy: &BTreeMap<Unit, Process>,
        copied: &BTreeSet<Name>,
    ) {
        let units: BTreeSet<_> = production.keys().chain(copy.keys()).collect();
        for unit in units
            .into_iter()
            .filter(|unit| copied.contains(&unit.component))
        {
            let (Some(then), Some(now)) = (production.get(unit), copy.get(unit)) else {
                self.push(Field {
                    component: Some(unit.component.clone()),
                    field: unit.to_string(),
                    treatment: Treatment::Dropped,
                    production: None,
                    copy: None,
                    why: Some(match production.get(unit) {
                        Some(_) => "the copy does not run this container".to_owned(),
                        None => "production did not run this container".to_owned(),
                    }),
                    harmless: false,
                });
                continue;
            };
            let names: BTreeSet<_> = then.fields.keys().chain(now.fields.keys()).collect();
            for name in names {
                let (then, now) = (then.fields.get(name), now.fields.get(name));
                let (treatment, why) = judge(name, then, now);
                self.push(Field {
                    component: Some(unit.component.clone()),
                    field: format!("{unit}: {name}"),
                    treatment,
                    production: then.cloned(),
                    copy: now.cloned(),
                    why: why.map(str::to_owned),
                    harmless: false,
                });
            }
        }
    }

    /// Adds a component that a stub replaces.
    pub(crate) fn stubbed(&mut self, name: &Name, why: &str) {
        self.push(Field {
            component: Some(name.clone()),
            field: name.clone(),
            treatment: Treatment::Replaced,
            production: None,
            copy: None,
            why: Some(format!(
                "a stub that accepts connections on its ports and answers HTTP requests with an \
                 empty response; {why}"
            )),
            harmless: false,
        });
    }

    /// Adds how a Docker engine honours a field of the model.
    pub(crate) fn add_verdict(&mut self, component: Option<Name>, path: &str, verdict: Verdict) {
        let (treatment, why) = match verdict {
            Verdict::Honoured => return,
            Verdict::Emulated(how) => (Treatment::Emulated, how),
            Verdict::DroppedByNature(why) | Verdict::Dropped(why) => (Treatment::Dropped, why),
        };
        // They are compared as the program gets them.
        let field = path.rsplit('.').next();
        if matches!(field, Some("args" | "command")) {
            return;
        }
        self.push(Field {
            component,
            field: path.to_owned(),
            treatment,
            production: None,
            copy: None,
            why: Some(why.to_owned()),
            harmless: matches!(verdict, Verdict::DroppedByNature(_)),
        });
    }

    /// Adds the replicas: all of them run on one machine.
    pub(crate) fn add_replicas(
        &mut self,
        production: &TargetModel,
        copy: &DockerDesired,
        copied: &BTreeSet<Name>,
    ) {
        for name in copied {
            let Some(component) = production.components.get(name) else {
                continue;
            };
            let containers = copy.containers.values();
            let own = containers
                .filter(|container| container.component == *name && container.sidecar_of.is_none());
            let now = own.count();
            if component.run().is_none() && now > 1 {
                self.push(Field {
                    component: Some(name.clone()),
                    field: format!("{name}: replicas"),
                    treatment: Treatment::Emulated,
                    production: Some(component.replicas.into()),
                    copy: Some(now.into()),
                    why: Some("all of them are on one machine".to_owned()),
                    harmless: false,
                });
            }
        }
    }

    /// Adds what is around the containers: secrets, data, policies, and the live state
    /// that could not be brought about.
    pub(crate) fn add_surroundings(
        &mut self,
        production: &TargetModel,
        copy: &TargetModel,
        ran: &Ran,
        copied: &BTreeSet<Name>,
    ) {
        for name in copied {
            let Some(component) = copy.components.get(name) else {
                continue;
            };
            for (volume, declared) in &component.volumes {
                if matches!(
                    declared.source,
                    VolumeSource::Persistent { .. } | VolumeSource::Shared(_)
                ) {
                    self.replaced(
                        Some(name),
                        format!("{name}: data of volume {volume}"),
                        "it is empty",
                    );
                }
            }
        }
        for name in production.secrets.keys() {
            self.replaced(
                None,
                format!("secret {name}"),
                "a random value; a constraint on it is not in a capsule",
            );
        }
        for (from, to) in &ran.cut {
            if copied.contains(from) {
                self.push(Field {
                    component: Some(from.clone()),
                    field: format!("{from}: connections to {to}"),
                    treatment: Treatment::Emulated,
                    production: None,
                    copy: None,
                    why: Some(
                        "a policy was closed, where packets vanish; here the name does not resolve"
                            .to_owned(),
                    ),
                    harmless: false,
                });
            }
        }
        for name in &ran.absent {
            if copied.contains(name) {
                self.push(Field {
                    component: Some(name.clone()),
                    field: format!("{name}: not running"),
                    treatment: Treatment::Emulated,
                    production: None,
                    copy: None,
                    why: Some("the copy has its network, and no container".to_owned()),
                    harmless: false,
                });
            }
        }
        for untold in &ran.untold {
            self.push(Field {
                component: None,
                field: untold.clone(),
                treatment: Treatment::Dropped,
                production: None,
                copy: None,
                why: None,
                harmless: false,
            });
        }
    }

    fn replaced(&mut self, component: Option<&Name>, field: String, why: &str) {
        self.push(Field {
            component: component.cloned(),
            field,
            treatment: Treatment::Replaced,
            production: None,
            copy: None,
            why: Some(why.to_owned()),
            harmless: false,
        });
    }

    fn push(&mut self, field: Field) {
        self.fields.push(field);
    }
}

/// Compares a field of a container.
fn judge(
    name: &str,
    then: Option<&Value>,
    now: Option<&Value>,
) -> (Treatment, Option<&'static str>) {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let (then_text, now_text) = (text(then), text(now));
    let from_cluster = then_text.as_ref().is_some_and(|text| text.contains(FIELD));
    match (then, now) {
        (then, now) if then == now => (Treatment::Same, None),
        (Some(_), None) if name.starts_with(HELPER) => (
            Treatment::Translated,
            Some("it passes a secret to other variables, which have it directly"),
        ),
        (Some(_), Some(_)) if from_cluster => (
            Treatment::Translated,
            Some("a fact about the copy's own container"),
        ),
        (Some(_), None) if from_cluster => {
            (Treatment::Dropped, Some("a fact that only a cluster has"))
        }
        (Some(_), Some(_))
            if then_text.as_ref().is_some_and(|text| text.contains(SECRET))
                || now_text.as_ref().is_some_and(|text| text.contains(SECRET)) =>
        {
            (Treatment::Dropped, Some("another secret was referred to"))
        }
        (Some(_), Some(_)) if name.starts_with("mount.") => (
            Treatment::Emulated,
            Some("a directory on disk without a limit of its size"),
        ),
        (Some(_), Some(_)) if name == "restart" => (
            Treatment::Emulated,
            Some("the engine restarts it by its own rules"),
        ),
        (Some(_), None) => (
            Treatment::Dropped,
            Some("a Docker engine has nothing like it"),
        ),
        (None, _) => (Treatment::Replaced, Some("production had none")),
        (Some(_), Some(_)) => (Treatment::Replaced, Some("the values differ")),
    }
}
