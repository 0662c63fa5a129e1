//! The check stage: rules over the whole model, one per file.
//!
//! A rule sees one target, or all if what it looks for costs a walk of each, and adds
//! its diagnostics. Rules do not know each other and do not depend on their order. A mistake in several targets must produce
//! equal diagnostics in each, so that sorting merges them.

mod authority;
mod credential;
mod daemon_set;
mod disruption;
mod duplicate_alias;
mod duplicate_file;
mod duplicate_name;
mod duplicate_port;
mod duplicate_route;
mod foreign_policy;
mod grants;
mod image_facts;
mod image_platform;
mod image_port;
mod image_user;
mod image_volume;
mod manual_need;
mod mock_backing;
mod need_cycle;
mod need_port;
mod need_state;
mod no_target;
mod no_way_in;
mod ownership;
mod request_above_limit;
mod rollout;
mod scale;
mod secret_literal;
mod system_component;
mod unknown_config;
mod unknown_need;
mod unknown_secret;
mod unknown_variable;
mod unknown_volume;
mod unused_backing;
mod unused_kind;
mod unused_reference;
mod unused_volume;
mod variable_collision;
mod view;
mod volume_shared;

pub use credential::is_credential;

use kcc_diag::Diagnostics;
use kcc_tree::ConfigTree;

use crate::SystemModel;
use crate::owners::Owners;
use crate::reporter::Reporter;
use view::View;

type Rule = fn(&View<'_>, &mut Diagnostics);

const RULES: [Rule; 38] = [
    authority::authority,
    credential::credential,
    disruption::disruption,
    duplicate_alias::duplicate_alias,
    duplicate_file::duplicate_file,
    duplicate_name::duplicate_name,
    duplicate_port::duplicate_port,
    duplicate_route::duplicate_route,
    daemon_set::daemon_set,
    foreign_policy::foreign_policy,
    grants::grants,
    manual_need::manual_need,
    image_platform::image_platform,
    image_port::image_port,
    image_user::image_user,
    image_volume::image_volume,
    need_cycle::need_cycle,
    need_port::need_port,
    need_state::need_state,
    no_target::no_target,
    no_way_in::no_way_in,
    ownership::ownership,
    request_above_limit::request_above_limit,
    rollout::rollout,
    scale::scale,
    secret_literal::secret_literal,
    mock_backing::mock_backing,
    system_component::system_component,
    unknown_config::unknown_config,
    unknown_need::unknown_need,
    unknown_secret::unknown_secret,
    unknown_variable::unknown_variable,
    unknown_volume::unknown_volume,
    unused_backing::unused_backing,
    unused_kind::unused_kind,
    unused_volume::unused_volume,
    variable_collision::variable_collision,
    volume_shared::volume_shared,
];

/// Checks every rule against every target.
pub(crate) fn check_all(tree: &ConfigTree, model: &SystemModel) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for target in model.targets.values() {
        let owners = Owners::of(tree, &model.teams, &target.target);
        let reporter = Reporter::of(tree, &target.target);
        let view = View {
            model,
            target,
            tree,
            reporter,
            owners: &owners,
        };
        for rule in RULES {
            rule(&view, &mut diagnostics);
        }
    }
    unused_reference::unused_reference(tree, model, &mut diagnostics);
    diagnostics
}
