//! The cases, by what they are about.

mod failures;
mod lifecycle;
mod ownership;
mod workloads;

use std::{future::Future, pin::Pin};

use crate::kubernetes::Place;

pub(crate) type Case = fn(&Place) -> Pin<Box<dyn Future<Output = ()> + '_>>;

macro_rules! cases {
    ($($module:ident: $($name:ident,)*;)*) => {
        pub(crate) const ALL: &[(&str, Case)] =
            &[$($((stringify!($name), |place| Box::pin($module::$name(place))),)*)*];
    };
}

cases! {
    lifecycle:
        a_chain_comes_up_in_order_and_stays,
        one_variable_changes_one_deployment,
        a_changed_job_runs_again,
        an_autoscaler_takes_over_what_runs,
        a_secret_follows_whoever_applies,
        what_nobody_asks_for_goes,
        down_leaves_the_data_until_it_is_asked_for,
        a_copy_stands_beside_the_original,;
    failures:
        a_component_that_is_never_ready_says_why,
        what_cannot_recover_ends_at_once_and_its_cause_stays,
        nobody_waits_for_what_asks_for_no_replica,
        a_job_that_fails_says_how,
        what_the_server_refuses_changes_nothing,
        what_never_changes_is_replaced_but_not_its_data,
        a_cluster_that_is_not_there_is_named,;
    workloads:
        one_on_every_machine_comes_up_and_is_updated,
        init_steps_and_sidecars_run_with_a_container,
        an_init_step_that_fails_is_told_with_its_log,
        a_job_ends_with_its_sidecar,;
    ownership:
        what_is_in_the_way_is_not_touched,
        what_another_owns_gives_way_or_is_a_conflict,
        without_a_record_nothing_is_claimed,
        a_held_lock_names_its_holder,
        a_silent_lock_is_taken_over,
        what_a_killed_apply_made_is_known,
        a_namespace_of_others_stays_as_it_is,
        who_may_see_one_namespace_can_apply_to_it,;
}
