//! The cases, by subject.

mod exec;
mod failures;
mod lifecycle;
mod ownership;
mod take_over;
mod workloads;

use std::{future::Future, pin::Pin};

use crate::kubernetes::Sandbox;

pub(crate) type Case = fn(&Sandbox) -> Pin<Box<dyn Future<Output = ()> + '_>>;

macro_rules! cases {
    ($($module:ident: $($name:ident,)*;)*) => {
        pub(crate) const ALL: &[(&str, Case)] =
            &[$($((stringify!($name), |sandbox| Box::pin($module::$name(sandbox))),)*)*];
    };
}

cases! {
    lifecycle:
        a_chain_comes_up_in_order_and_stays,
        one_variable_changes_one_deployment,
        a_changed_job_runs_again,
        an_autoscaler_takes_over_running_replicas,
        a_secret_follows_its_provider,
        a_restart_leaves_no_difference,
        a_plan_is_applied_as_shown_or_not_at_all,
        one_component_is_applied_with_its_needs,
        undeclared_objects_are_removed,
        down_keeps_the_data_without_volumes,;
    exec:
        commands_run_with_input_terminal_and_exit_code,
        a_port_is_forwarded,;
    failures:
        an_unready_component_is_reported_with_its_reason,
        a_stuck_rollout_ends_early_and_its_cause_stays,
        a_failed_apply_stays_in_the_status,
        logs_include_the_previous_run,
        zero_replicas_are_not_awaited,
        a_failed_job_reports_its_exit_code,
        a_rejected_object_changes_nothing,
        what_cannot_fit_changes_nothing,
        an_immutable_change_replaces_unless_data_is_lost,
        what_has_data_is_recreated_on_request,
        an_unreachable_cluster_is_named,;
    workloads:
        a_daemon_set_comes_up_and_is_updated,
        init_steps_and_sidecars_run_with_a_container,
        a_failing_init_step_is_reported_with_its_log,
        a_job_ends_with_its_sidecar,
        manual_components_run_when_they_are_started,
        a_cron_job_runs_when_it_is_started,;
    take_over:
        what_helm_made_is_taken_over,
        what_kubectl_made_is_taken_over,;
    ownership:
        unmanaged_objects_are_not_touched,
        a_field_of_another_gives_way_or_is_a_conflict,
        nothing_is_claimed_without_records,
        unrecorded_objects_are_named,
        a_held_lock_names_its_holder,
        an_expired_lock_is_taken_over,
    a_record_of_an_earlier_version_is_taken_over,
        config_maps_keep_a_record,
        objects_of_a_killed_apply_are_known,
        an_unmanaged_namespace_stays_as_it_is,
        rights_in_one_namespace_are_enough,
        the_least_roles_are_enough,;
}
