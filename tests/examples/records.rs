//! Checks that a revision of every example is read as it was written, with the model, the
//! desired state and the sources of its fields.

use std::{collections::BTreeSet, sync::Arc};

use kcc::{compiled::Compiled, context::Context, pipeline, runtime};
use kcc_plan::{
    Cancel, Fence, FolderStore, Intent, Record, Scope, Silent,
    revision::{Change, Revision, RevisionId, RevisionSource},
};
use kcc_tree::Path;

use super::{Copy, EXAMPLES, sources::context};

/// Records a revision of what was compiled in a directory, and reads it back.
pub(crate) fn recorded(context: &Context, compiled: &Compiled) -> Revision {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let scope = Scope::of(compiled.desired());
    let mut options = runtime::options(context, compiled);
    options.revisions = Some(Arc::new(compiled.record()));
    let folder = tempfile::tempdir().unwrap();
    let record = Record::new(FolderStore::new(folder.path()), Fence::default());
    let intent = Intent {
        scope: scope.clone(),
        since: 0,
        revision: None,
        operations: Vec::new(),
        shared: BTreeSet::new(),
    };
    let change = Change::of(&scope, &options, false);
    runtime.block_on(async {
        let begun = async { record.begin(&intent, change).await };
        record
            .locked("an apply", &options, &Silent, &Cancel::new(), begun)
            .await
            .unwrap();
        let found = record.revision(&scope, RevisionId::Number(1)).await;
        found.unwrap().revision
    })
}

#[test]
fn a_revision_has_all_of_an_example() {
    for (name, targets) in EXAMPLES {
        let copy = Copy::of(name);
        let context = context(&copy);
        for target in targets {
            let compiled = pipeline::compile(&context, None, target).unwrap();
            let scope = Scope::of(compiled.desired());
            let recorded = recorded(&context, &compiled).content;
            let written = compiled.record().content();
            assert_eq!(recorded, written, "{name} in {target}");
            let lowered = recorded.lowered(&scope);
            assert_eq!(lowered.desired, *compiled.desired(), "{name} in {target}");
            assert_eq!(
                recorded.model(),
                *compiled.target_model(),
                "{name} in {target}"
            );

            // Every component has its line, and every fragment is known.
            for (component, record) in &recorded.components {
                let path = &record.model.path;
                let declared = recorded.at(path);
                let declared = declared.is_some_and(|value| !value.lines.is_empty());
                assert!(declared, "{name} in {target}: {component} has no line");
            }
            let files = recorded.values().flat_map(|value| &value.lines);
            for line in files {
                assert!(recorded.fragments.contains_key(&line.file), "{}", line.file);
            }
            let name_line = recorded.at(&Path::of(["system", "name"])).unwrap();
            assert_eq!(name_line.lines[0].file, "kcc.cue");
        }
    }
}
