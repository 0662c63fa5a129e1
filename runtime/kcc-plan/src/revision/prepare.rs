//! [`Prepared`]: the content of a revision as it will be stored. It is made while the
//! target is observed, because a thousand components take longer than an apply may wait.

use std::{collections::BTreeMap, panic::resume_unwind, sync::Arc};

use kcc_lower::EngineDesired;
use kcc_model::Name;
use kcc_tree::Engine;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{ArchivedHistory, Content, Fragments, Repository, RevisionSource, pack::Encoded};

/// The content of a revision, with the records of components as bytes.
pub(crate) struct Prepared {
    pub(super) engine: Engine,
    pub(super) repositories: Vec<Repository>,
    pub(super) fragments: Fragments,
    pub(super) shared: Encoded,
    /// The team and the record of each component.
    pub(super) components: BTreeMap<Name, (Name, Encoded)>,
    pub(super) rolls_back_to: Option<u64>,
    /// The history in an archive that goes on, if the target has none.
    pub(crate) archived: Option<ArchivedHistory>,
}

/// A content that is being made on a thread of its own.
pub(crate) struct Preparation {
    source: Arc<dyn RevisionSource>,
    task: JoinHandle<Prepared>,
}

impl Preparation {
    /// Begins to make the content.
    pub(crate) fn begin(source: &Arc<dyn RevisionSource>) -> Self {
        let own = Arc::clone(source);
        Self {
            source: Arc::clone(source),
            task: spawn_blocking(move || Prepared::of(&*own)),
        }
    }

    /// Waits for the content.
    pub(crate) async fn end(self) -> Prepared {
        match self.task.await {
            Ok(prepared) => prepared,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // The runtime ends, and with it whatever waits for this.
                Err(_) => Prepared::of(&*self.source),
            },
        }
    }
}

impl Prepared {
    fn of(source: &dyn RevisionSource) -> Self {
        let Content {
            repositories,
            fragments,
            shared,
            components,
        } = source.content();
        let components = components.into_iter().map(|(name, record)| {
            let encoded = Encoded::of(&record);
            (name, (record.model.team, encoded))
        });
        Self {
            engine: match shared.lowered.engine {
                EngineDesired::Docker(_) => Engine::Docker,
                EngineDesired::Kubernetes(_) => Engine::Kubernetes,
            },
            repositories,
            fragments,
            shared: Encoded::of(&shared),
            components: components.collect(),
            rolls_back_to: source.rolls_back_to(),
            archived: source.archived(),
        }
    }
}
