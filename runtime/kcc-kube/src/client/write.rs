//! Writing, and the server's dry run of it. Nothing is forced unless the plan
//! says so.

use std::time::Duration;

use kcc_diag::Code;
use kcc_plan::Error;
use kube::{
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions},
    core::Status,
};
use serde_json::Value;

use super::{Client, MANAGER, fault};
use crate::{
    observed::{Claim, DEFINITION, Reference, Trial},
    scale::WAITING,
};

/// How often, and how long apart, it is asked whether a definition is served.
const ESTABLISHED_TRIES: u32 = 150;
const ESTABLISHED_PAUSE: Duration = Duration::from_millis(200);

/// The field manager of what starts pods again.
const RESTART: &str = "kcc-restart";

/// What became of an object that was to be made or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is as it was sent.
    Done,
    /// Somebody was there first.
    Lost,
}

/// What the cause of an error has to hold to mean that a field never changes.
const IMMUTABLE: [&str; 5] = [
    "immutable",
    "may not change once set",
    "may not be changed",
    "updates to statefulset spec",
    "cannot be updated",
];

impl Client {
    /// Whether the server would make an object that is not there yet. Changes nothing.
    pub(crate) async fn dry_run_creation(
        &self,
        reference: &Reference,
        manifest: &Value,
    ) -> Result<Trial, Error> {
        let api = self.api(reference).await?;
        let params = PatchParams::apply(MANAGER).validation_strict().dry_run();
        let patch = Patch::Apply(manifest);
        match api.patch_metadata(&reference.name, &params, &patch).await {
            Ok(_) => Ok(Trial::Created),
            Err(kube::Error::Api(status)) => Ok(verdict(&status)),
            Err(error) => Err(self.fault(&format!("try {reference}"), &error)),
        }
    }

    /// What the server would make of an object. Changes nothing.
    pub(crate) async fn dry_run(
        &self,
        reference: &Reference,
        manifest: &Value,
        force: bool,
    ) -> Result<Trial, Error> {
        let api = self.api(reference).await?;
        let mut params = PatchParams::apply(MANAGER).validation_strict().dry_run();
        params.force = force;
        let patch = Patch::Apply(manifest);
        match api.patch(&reference.name, &params, &patch).await {
            Ok(object) => Ok(Trial::Result(
                serde_json::to_value(object).unwrap_or_default(),
            )),
            Err(kube::Error::Api(status)) => Ok(verdict(&status)),
            Err(error) => Err(self.fault(&format!("try {reference}"), &error)),
        }
    }

    /// Makes an object what a manifest says, in the fields that it has.
    pub(crate) async fn apply(
        &self,
        reference: &Reference,
        manifest: &Value,
        force: bool,
    ) -> Result<(), Error> {
        let mut params = PatchParams::apply(MANAGER).validation_strict();
        params.force = force;
        self.apply_as(reference, manifest, &params).await
    }

    /// Lets the field manager that waits for an autoscaler own what it will
    /// rule, so that the value stays when kcc says it no more.
    pub(crate) async fn hand_over(&self, reference: &Reference, part: &Value) -> Result<(), Error> {
        let params = PatchParams::apply(WAITING).validation_strict();
        self.apply_as(reference, part, &params).await
    }

    async fn apply_as(
        &self,
        reference: &Reference,
        manifest: &Value,
        params: &PatchParams,
    ) -> Result<(), Error> {
        let api = self.api(reference).await?;
        self.mutates();
        // Nobody reads the whole object that the server would send back.
        match api
            .patch_metadata(&reference.name, params, &Patch::Apply(manifest))
            .await
        {
            Ok(_) if reference.kind == DEFINITION => self.established(reference).await,
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) => Err(match verdict(&status) {
                Trial::Conflict(claims) => conflict(reference, &claims),
                _ => fault::refused(&format!("apply {reference}"), &status),
            }),
            Err(error) => Err(self.fault(&format!("apply {reference}"), &error)),
        }
    }

    /// Waits until the cluster serves what a definition brings: only then can
    /// an object of it be made.
    async fn established(&self, reference: &Reference) -> Result<(), Error> {
        for _ in 0..ESTABLISHED_TRIES {
            let live = self.get(reference).await?.unwrap_or_default();
            let conditions = live.pointer("/status/conditions").and_then(Value::as_array);
            let is = |condition: &Value, field: &str, text: &str| {
                condition.get(field).and_then(Value::as_str) == Some(text)
            };
            let served = conditions.into_iter().flatten().any(|condition| {
                is(condition, "type", "Established") && is(condition, "status", "True")
            });
            if served {
                self.kinds.forget().await;
                return Ok(());
            }
            tokio::time::sleep(ESTABLISHED_PAUSE).await;
        }
        Err(Error::new(
            Code::ApplyIncomplete,
            format!("the cluster does not serve what {reference} defines"),
        )
        .help("look at its conditions with `kubectl describe crd`, then apply again"))
    }

    /// Makes an object that must not be there yet.
    pub(crate) async fn create(
        &self,
        reference: &Reference,
        object: &Value,
    ) -> Result<Written, Error> {
        let api = self.api(reference).await?;
        let params = PostParams {
            dry_run: false,
            field_manager: Some(MANAGER.to_owned()),
        };
        self.mutates();
        let answer = api.create(&params, &parse(reference, object)?).await;
        self.written(&format!("create {reference}"), answer)
    }

    /// Puts an object in the place of the version that it came from.
    pub(crate) async fn replace(
        &self,
        reference: &Reference,
        object: &Value,
    ) -> Result<Written, Error> {
        let api = self.api(reference).await?;
        let params = PostParams {
            dry_run: false,
            field_manager: Some(MANAGER.to_owned()),
        };
        self.mutates();
        let object = parse(reference, object)?;
        let answer = api.replace(&reference.name, &params, &object).await;
        self.written(&format!("update {reference}"), answer)
    }

    /// Changes some fields of an object, if it is still that one.
    pub(crate) async fn change(&self, reference: &Reference, part: &Value) -> Result<(), Error> {
        self.merge(reference, part, MANAGER).await
    }

    /// Changes what starts pods again, under a field manager of its own: what kcc
    /// applies later does not hold it, and would take it away.
    pub(crate) async fn restart(&self, reference: &Reference, part: &Value) -> Result<(), Error> {
        self.merge(reference, part, RESTART).await
    }

    async fn merge(&self, reference: &Reference, part: &Value, manager: &str) -> Result<(), Error> {
        let api = self.api(reference).await?;
        let params = PatchParams {
            field_manager: Some(manager.to_owned()),
            ..PatchParams::default()
        };
        self.mutates();
        let what = format!("change {reference}");
        let answer = api
            .patch(&reference.name, &params, &Patch::Merge(part))
            .await;
        answer
            .map(|_| ())
            .map_err(|error| self.fault(&what, &error))
    }

    /// Removes an object, if it is still that one. Objects that it owns go
    /// first. One that is gone is as good as removed.
    pub(crate) async fn delete(&self, reference: &Reference, uid: &str) -> Result<(), Error> {
        self.delete_with(reference, uid, DeleteParams::foreground())
            .await
    }

    /// Removes an object that owns nothing, at once.
    pub(crate) async fn discard(&self, reference: &Reference, uid: &str) -> Result<(), Error> {
        self.delete_with(reference, uid, DeleteParams::background())
            .await
    }

    async fn delete_with(
        &self,
        reference: &Reference,
        uid: &str,
        params: DeleteParams,
    ) -> Result<(), Error> {
        let api = self.api(reference).await?;
        let same = Preconditions {
            resource_version: None,
            uid: Some(uid.to_owned()),
        };
        let params = params.preconditions(same);
        self.mutates();
        match api.delete(&reference.name, &params).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(error) => Err(self.fault(&format!("delete {reference}"), &error)),
        }
    }

    fn written(
        &self,
        what: &str,
        answer: Result<DynamicObject, kube::Error>,
    ) -> Result<Written, Error> {
        match answer {
            Ok(_) => Ok(Written::Done),
            // It was made, changed or removed in between.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Written::Lost),
            Err(error) => Err(self.fault(what, &error)),
        }
    }
}

fn parse(reference: &Reference, object: &Value) -> Result<DynamicObject, Error> {
    serde_json::from_value(object.clone()).map_err(|error| {
        Error::new(Code::ApplyRefused, format!("{reference} is no object")).cause(error)
    })
}

/// Another writer took a field between the plan and its execution.
fn conflict(reference: &Reference, claims: &[Claim]) -> Error {
    let fields: Vec<_> = claims
        .iter()
        .map(|claim| format!("`{}` by `{}`", claim.field, claim.manager))
        .collect();
    Error::new(
        Code::ApplyConflict,
        format!("{reference} was changed meanwhile: {}", fields.join(", ")),
    )
    .help("run `kcc plan` again")
}

fn verdict(status: &Status) -> Trial {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    match status.code {
        409 => {
            let claims: Vec<_> = causes
                .filter(|cause| cause.reason == "FieldManagerConflict")
                .map(|cause| Claim {
                    field: cause.field.clone(),
                    manager: manager(&cause.message),
                })
                .collect();
            if claims.is_empty() {
                Trial::Refused(fault::said(status))
            } else {
                Trial::Conflict(claims)
            }
        }
        404 if status
            .details
            .as_ref()
            .is_some_and(|details| details.kind == "namespaces") =>
        {
            Trial::NotYet
        }
        422 => {
            let never = causes
                .into_iter()
                .any(|cause| IMMUTABLE.iter().any(|words| cause.message.contains(words)));
            if never {
                Trial::Immutable(fault::said(status))
            } else {
                Trial::Refused(fault::said(status))
            }
        }
        _ => Trial::Refused(fault::said(status)),
    }
}

/// The name in `conflict with "NAME" using apps/v1`.
fn manager(message: &str) -> String {
    let name = message.split('"').nth(1).unwrap_or(message);
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use kube::core::response::{StatusCause, StatusDetails};

    use super::*;

    fn status(code: u16, causes: &[(&str, &str, &str)]) -> Status {
        let causes = causes
            .iter()
            .map(|(reason, field, message)| StatusCause {
                reason: (*reason).to_owned(),
                field: (*field).to_owned(),
                message: (*message).to_owned(),
            })
            .collect();
        let details = StatusDetails {
            name: String::new(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            causes,
            retry_after_seconds: 0,
        };
        Status::failure("said", "")
            .with_code(code)
            .with_details(details)
    }

    #[test]
    fn answers_are_told_apart_by_their_causes() {
        let conflict = [(
            "FieldManagerConflict",
            ".spec.replicas",
            "conflict with \"kubectl\" using apps/v1",
        )];
        let claim = Claim {
            field: ".spec.replicas".to_owned(),
            manager: "kubectl".to_owned(),
        };
        assert_eq!(
            verdict(&status(409, &conflict)),
            Trial::Conflict(vec![claim])
        );
        assert_eq!(
            verdict(&status(409, &[])),
            Trial::Refused("said".to_owned())
        );
        for words in [
            "Invalid value: {}: field is immutable",
            "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
            "Invalid value: [\"10.0.0.1\"]: may not change once set",
        ] {
            let causes = [("FieldValueInvalid", "spec", words)];
            assert_eq!(
                verdict(&status(422, &causes)),
                Trial::Immutable("said".to_owned())
            );
        }
        let wrong = [("FieldValueInvalid", "spec", "must be greater than 0")];
        assert_eq!(
            verdict(&status(422, &wrong)),
            Trial::Refused("said".to_owned())
        );
        // An unknown field under strict validation.
        assert_eq!(
            verdict(&status(500, &[])),
            Trial::Refused("said".to_owned())
        );
    }
}
