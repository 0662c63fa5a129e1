//! The check stage: rules over the whole model, one in each file.
//!
//! A rule looks at one target and adds what it finds; it knows nothing of
//! other rules, and no rule depends on their order. A finding that holds in
//! several targets is said alike in each, so that sorting joins it.

mod authority;
mod credential;
mod disruption;
mod duplicate_name;
mod duplicate_port;
mod duplicate_route;
mod every_node;
mod foreign_policy;
mod grants;
mod need_cycle;
mod need_port;
mod need_state;
mod no_target;
mod ownership;
mod requests;
mod rollout;
mod scale;
mod secret_literal;
mod stand_in;
mod system_component;
mod unknown_config;
mod unknown_need;
mod unknown_secret;
mod unknown_variable;
mod unused_backing;
mod unused_kind;
mod volume_shared;

use kcc_diag::Diagnostics;
use kcc_tree::{ConfigTree, USUAL_TARGETS};

use crate::lines::Lines;
use crate::owners::Owners;
use crate::{SystemModel, TargetModel};

/// What a rule looks at.
pub(crate) struct View<'a> {
    pub(crate) model: &'a SystemModel,
    pub(crate) target: &'a TargetModel,
    pub(crate) tree: &'a ConfigTree,
    pub(crate) lines: Lines<'a>,
    pub(crate) owners: &'a Owners,
}

impl View<'_> {
    /// Whether all targets of the system are looked at, so that something may be
    /// said of what is in none of them.
    fn all_targets(&self) -> bool {
        let declared = self.tree.system.child("targets");
        let count = declared.map_or(USUAL_TARGETS.len(), |all| all.fields().count());
        self.model.targets.len() == count && !self.lines.partial()
    }
}

type Rule = fn(&View<'_>, &mut Diagnostics);

const RULES: [Rule; 27] = [
    authority::authority,
    credential::credential,
    disruption::disruption,
    duplicate_name::duplicate_name,
    duplicate_port::duplicate_port,
    duplicate_route::duplicate_route,
    every_node::every_node,
    foreign_policy::foreign_policy,
    grants::grants,
    need_cycle::need_cycle,
    need_port::need_port,
    need_state::need_state,
    no_target::no_target,
    ownership::ownership,
    requests::requests,
    rollout::rollout,
    scale::scale,
    secret_literal::secret_literal,
    stand_in::stand_in,
    system_component::system_component,
    unknown_config::unknown_config,
    unknown_need::unknown_need,
    unknown_secret::unknown_secret,
    unknown_variable::unknown_variable,
    unused_backing::unused_backing,
    unused_kind::unused_kind,
    volume_shared::volume_shared,
];

/// Holds every rule against every target.
pub(crate) fn hold_all(tree: &ConfigTree, model: &SystemModel) -> Diagnostics {
    let mut found = Diagnostics::new();
    for target in model.targets.values() {
        let owners = Owners::of(tree, &model.teams, &target.target);
        let lines = Lines::of(tree, &target.target);
        let view = View {
            model,
            target,
            tree,
            lines,
            owners: &owners,
        };
        for rule in RULES {
            rule(&view, &mut found);
        }
    }
    found
}
