//! Finds the copy of a capsule that is up: `--capsule FILE` in the place of a target.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use kcc_capsule::{Purpose, empty_tree, scope};
use kcc_diag::Code;
use kcc_lower::EngineDesired;
use kcc_model::{CheckedModel, EngineTarget};
use kcc_plan::{
    Error,
    revision::{RevisionId, Time},
};

use crate::{compiled::Compiled, context::Context, failure::Failure, load::Root, runtime};

/// Finds the copy of a capsule that an earlier command made, by the record of the engine.
pub fn find(context: &Context, file: &Path) -> Result<Compiled, Failure> {
    let shown = file.display().to_string();
    let path = context.settings.working_dir.join(file);
    let capsule = runtime::read_capsule(&path, &shown)?;
    let mut target = capsule.revision.content.shared.model.clone();
    target.engine = EngineTarget::Docker {};
    target.objects.clear();
    let scope = scope(&capsule, Purpose::Look);
    let teams = capsule.revision.content.shared.teams.clone();
    let model = CheckedModel::of_revision(scope.system.clone(), teams, target);
    let tree = empty_tree();
    let instance = scope.instance.as_deref();
    let lowered = kcc_lower::lower(&tree, &model, &scope.target, instance, &BTreeSet::new());
    let Ok(mut lowered) = lowered.map(|found| found.value) else {
        return Err(Error::new(Code::StateDamaged, format!("`{shown}` is damaged")).into());
    };
    if let EngineDesired::Docker(docker) = &mut lowered.desired.engine {
        docker.volumes.clear();
    }
    let mut compiled = Compiled {
        root: Root::of_no_system(&context.settings.working_dir),
        tree: Arc::new(tree),
        model: Arc::new(model),
        lowered: Arc::new(lowered),
    };
    let options = runtime::image_options(context, &compiled.root);
    let newest = RevisionId::At(Time::Ago(Duration::ZERO));
    let found =
        runtime::revision(&compiled, &options, newest).map_err(|failure| match failure {
            Failure::Environment(error) if error.code == Code::StateNoRevision => Error::new(
                Code::StateNoRevision,
                format!("this engine has no copy of `{shown}`"),
            )
            .help(format!("bring it up with `kcc reproduce {shown}`"))
            .into(),
            other => other,
        })?;
    let recorded = &found.revision.content;
    let teams = recorded.shared.teams.clone();
    let model = CheckedModel::of_revision(scope.system.clone(), teams, recorded.model());
    compiled.model = Arc::new(model);
    compiled.lowered = Arc::new(recorded.lowered(&scope));
    Ok(compiled)
}
