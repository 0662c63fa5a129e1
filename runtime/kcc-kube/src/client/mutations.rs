//! Mutating calls, and the server's dry run of them. Forces fields only if the plan
//! says so.

use std::time::Duration;

use kcc_diag::Code;
use kcc_plan::{Error, Tool};
use kube::{
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions},
    core::Status,
};
use serde_json::{Value, json};

use super::{Client, errors};
use crate::{
    former,
    observed::{DryRun, MANAGER, OwnedField, Reference, version},
    scale::SCALE_MANAGER,
};

/// The number of times to check if a definition is served, and the interval.
const ESTABLISHED_TRIES: u32 = 150;
const ESTABLISHED_PAUSE: Duration = Duration::from_millis(200);

/// The number of attempts to take an object over that something else changes.
const TAKE_OVER_TRIES: u32 = 10;

/// The field manager of restarts.
const RESTART: &str = "kcc-restart";

/// The phrases in the cause of an error that mean that a field is immutable.
const IMMUTABLE: [&str; 8] = [
    "immutable",
    "may not change once set",
    "may not be changed",
    "updates to statefulset spec",
    "cannot be updated",
    "cannot change roleRef",
    "can not be less than",
    "updates to parameters are forbidden",
];

impl Client {
    /// Dry-runs the creation of an object. Read-only.
    pub(crate) async fn dry_run_creation(
        &self,
        reference: &Reference,
        manifest: &Value,
    ) -> Result<DryRun, Error> {
        let api = self.api(reference).await?;
        let params = PatchParams::apply(MANAGER).validation_strict().dry_run();
        let patch = Patch::Apply(manifest);
        match api.patch_metadata(&reference.name, &params, &patch).await {
            Ok(_) => Ok(DryRun::Created),
            Err(kube::Error::Api(status)) => Ok(dry_run_result(&status)),
            Err(error) => Err(self.error(&format!("try {reference}"), &error)),
        }
    }

    /// Dry-runs an apply and returns the resulting object. Read-only.
    pub(crate) async fn dry_run(
        &self,
        reference: &Reference,
        manifest: &Value,
        force: bool,
    ) -> Result<DryRun, Error> {
        let api = self.api(reference).await?;
        let mut params = PatchParams::apply(MANAGER).validation_strict().dry_run();
        params.force = force;
        let patch = Patch::Apply(manifest);
        match api.patch(&reference.name, &params, &patch).await {
            Ok(object) => Ok(DryRun::Result(
                serde_json::to_value(object).unwrap_or_default(),
            )),
            Err(kube::Error::Api(status)) => Ok(dry_run_result(&status)),
            Err(error) => Err(self.error(&format!("try {reference}"), &error)),
        }
    }

    /// Applies a manifest.
    pub(crate) async fn apply(
        &self,
        reference: &Reference,
        manifest: &Value,
        force: bool,
    ) -> Result<(), Error> {
        let mut params = PatchParams::apply(MANAGER).validation_strict();
        params.force = force;
        self.apply_as("apply", reference, manifest, &params).await
    }

    /// Applies the number of replicas as the field manager that waits for an
    /// autoscaler, so that the value stays when kcc stops setting it.
    pub(crate) async fn hand_over(&self, reference: &Reference, part: &Value) -> Result<(), Error> {
        let params = PatchParams::apply(SCALE_MANAGER).validation_strict();
        self.apply_as("hand-over", reference, part, &params).await
    }

    /// Moves the fields that a tool has set to kcc, if the object's identity still
    /// matches. Whatever else writes meanwhile, such as a controller its status, is read
    /// again.
    pub(crate) async fn take_over(
        &self,
        reference: &Reference,
        uid: &str,
        tool: Tool,
    ) -> Result<(), Error> {
        let what = format!("take over {reference}");
        for _ in 0..TAKE_OVER_TRIES {
            let live = self.get(reference).await?.unwrap_or_default();
            let Some(fields) = former::moved(&live, tool) else {
                return Ok(());
            };
            let part = json!({"metadata": {
                "uid": uid,
                "resourceVersion": version(&live),
                "managedFields": fields,
            }});
            let api = self.api(reference).await?;
            let params = PatchParams {
                field_manager: Some(MANAGER.to_owned()),
                ..PatchParams::default()
            };
            let patch = Patch::Merge(&part);
            let call = api.patch_metadata(&reference.name, &params, &patch);
            match self.mutate("take-over", call).await? {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(self.error(&what, &error)),
            }
        }
        let message = format!("cannot {what}: something else changes it all the time");
        Err(Error::new(Code::ApplyIncomplete, message).help("run the command again"))
    }

    async fn apply_as(
        &self,
        name: &str,
        reference: &Reference,
        manifest: &Value,
        params: &PatchParams,
    ) -> Result<(), Error> {
        let api = self.api(reference).await?;
        let patch = Patch::Apply(manifest);
        // Request metadata only: nobody reads the object that the server returns.
        let call = api.patch_metadata(&reference.name, params, &patch);
        match self.mutate(name, call).await? {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) => Err(match dry_run_result(&status) {
                DryRun::Conflict(owned_fields) => conflict(reference, &owned_fields),
                _ => errors::refused(&format!("apply {reference}"), &status),
            }),
            Err(error) => Err(self.error(&format!("apply {reference}"), &error)),
        }
    }

    /// Waits until the cluster serves the kind of a definition: only then can
    /// objects of it be created.
    pub(crate) async fn await_served(&self, reference: &Reference) -> Result<(), Error> {
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
                self.kinds.invalidate().await;
                return Ok(());
            }
            tokio::time::sleep(ESTABLISHED_PAUSE).await;
        }
        Err(Error::new(
            Code::ApplyIncomplete,
            format!("the cluster does not serve what {reference} defines"),
        )
        .help("check its conditions with `kubectl describe crd`, then apply again"))
    }

    /// Creates an object, unless one of its name exists.
    pub(crate) async fn create(&self, reference: &Reference, object: &Value) -> Result<(), Error> {
        let api = self.api(reference).await?;
        let object: DynamicObject = serde_json::from_value(object.clone()).map_err(|error| {
            let message = format!("{reference} is not a valid object");
            Error::new(Code::ApplyRefused, message).cause(error)
        })?;
        let params = post_params();
        let call = api.create(&params, &object);
        match self.mutate("create", call).await? {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => Err(self.error(&format!("create {reference}"), &error)),
        }
    }

    /// Changes some fields of an object, if its identity still matches.
    pub(crate) async fn change(&self, reference: &Reference, part: &Value) -> Result<(), Error> {
        self.merge("change", reference, part, MANAGER).await
    }

    /// Restarts pods under a field manager of its own. A later apply as `kcc` does
    /// not contain the annotation and would otherwise remove it.
    pub(crate) async fn restart(&self, reference: &Reference, part: &Value) -> Result<(), Error> {
        self.merge("restart", reference, part, RESTART).await
    }

    async fn merge(
        &self,
        name: &str,
        reference: &Reference,
        part: &Value,
        manager: &str,
    ) -> Result<(), Error> {
        let api = self.api(reference).await?;
        let params = PatchParams {
            field_manager: Some(manager.to_owned()),
            ..PatchParams::default()
        };
        let what = format!("change {reference}");
        let patch = Patch::Merge(part);
        let call = api.patch(&reference.name, &params, &patch);
        let answer = self.mutate(name, call).await?;
        answer
            .map(|_| ())
            .map_err(|error| self.error(&what, &error))
    }

    /// Removes an object, if its identity still matches. Objects that it owns are
    /// removed first. A missing object counts as removed.
    pub(crate) async fn delete(&self, reference: &Reference, uid: &str) -> Result<(), Error> {
        let api = self.api(reference).await?;
        let same = Preconditions {
            resource_version: None,
            uid: Some(uid.to_owned()),
        };
        let params = DeleteParams::foreground().preconditions(same);
        let call = api.delete(&reference.name, &params);
        match self.mutate("delete", call).await? {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(error) => Err(self.error(&format!("delete {reference}"), &error)),
        }
    }
}

pub(super) fn post_params() -> PostParams {
    PostParams {
        dry_run: false,
        field_manager: Some(MANAGER.to_owned()),
    }
}

/// Describes a field that another manager took over between plan and execution.
fn conflict(reference: &Reference, owned_fields: &[OwnedField]) -> Error {
    let fields: Vec<_> = owned_fields
        .iter()
        .map(|owned| format!("`{}` by `{}`", owned.field, owned.manager))
        .collect();
    Error::new(
        Code::ApplyConflict,
        format!(
            "{reference} was changed in the meantime: {}",
            fields.join(", ")
        ),
    )
    .help("run `kcc plan` again")
}

fn dry_run_result(status: &Status) -> DryRun {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    match status.code {
        409 => {
            let owned_fields: Vec<_> = causes
                .filter(|cause| cause.reason == "FieldManagerConflict")
                .map(|cause| OwnedField {
                    field: cause.field.clone(),
                    manager: manager(&cause.message),
                })
                .collect();
            if owned_fields.is_empty() {
                DryRun::Rejected(errors::status_text(status))
            } else {
                DryRun::Conflict(owned_fields)
            }
        }
        404 if status
            .details
            .as_ref()
            .is_some_and(|details| details.kind == "namespaces") =>
        {
            DryRun::NotYet
        }
        422 => {
            let never = causes.into_iter().any(|cause| {
                IMMUTABLE
                    .iter()
                    .any(|phrase| cause.message.contains(phrase))
            });
            if never {
                DryRun::Immutable(errors::status_text(status))
            } else {
                DryRun::Rejected(errors::status_text(status))
            }
        }
        _ => DryRun::Rejected(errors::status_text(status)),
    }
}

/// Extracts the name from `conflict with "NAME" using apps/v1`.
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
        Status::failure("rejected", "")
            .with_code(code)
            .with_details(details)
    }

    #[test]
    fn interprets_responses_by_their_causes() {
        let conflict = [(
            "FieldManagerConflict",
            ".spec.replicas",
            "conflict with \"kubectl\" using apps/v1",
        )];
        let owned = OwnedField {
            field: ".spec.replicas".to_owned(),
            manager: "kubectl".to_owned(),
        };
        assert_eq!(
            dry_run_result(&status(409, &conflict)),
            DryRun::Conflict(vec![owned])
        );
        assert_eq!(
            dry_run_result(&status(409, &[])),
            DryRun::Rejected("rejected".to_owned())
        );
        for phrase in [
            "Invalid value: {}: field is immutable",
            "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
            "Invalid value: [\"10.0.0.1\"]: may not change once set",
        ] {
            let causes = [("FieldValueInvalid", "spec", phrase)];
            assert_eq!(
                dry_run_result(&status(422, &causes)),
                DryRun::Immutable("rejected".to_owned())
            );
        }
        let wrong = [("FieldValueInvalid", "spec", "must be greater than 0")];
        assert_eq!(
            dry_run_result(&status(422, &wrong)),
            DryRun::Rejected("rejected".to_owned())
        );
        // An unknown field under strict validation.
        assert_eq!(
            dry_run_result(&status(500, &[])),
            DryRun::Rejected("rejected".to_owned())
        );
    }
}
