//! The cases. Each works on a system of its own, so they run concurrently.

mod contents;
mod exec;
mod failures;
mod jobs;
mod lifecycle;
mod logs;
mod ownership;
mod recovery;
mod rollout;
mod sidecars;
mod take_over;

use std::{future::Future, pin::Pin};

use kcc_lower::docker::Mount;
use kcc_model::{Check, EnvValue, Until};
use kcc_plan::ApplyReport;

use crate::docker::{Draft, SHOP, Sandbox, health, publish};

type Case = for<'a> fn(&'a Sandbox) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

macro_rules! cases {
    ($($group:ident::$name:ident,)*) => {
        pub(crate) const ALL: &[(&str, Case)] =
            &[$((stringify!($name), |sandbox| Box::pin($group::$name(sandbox))),)*];
    };
}

cases! {
    lifecycle::a_chain_comes_up_in_order_and_stays,
    lifecycle::only_changed_components_are_replaced,
    lifecycle::killed_containers_are_restored,
    lifecycle::a_container_with_a_volume_is_stopped_first,
    lifecycle::a_completed_job_runs_again_only_when_changed,
    jobs::a_cron_job_is_created_and_runs_on_demand,
    jobs::parallelism_limits_concurrent_runs,
    jobs::manual_components_run_when_they_are_started,
    jobs::a_cron_job_runs_when_it_is_started,
    lifecycle::replicas_share_a_name_and_keep_free_ports,
    lifecycle::undeclared_components_are_removed,
    lifecycle::down_keeps_the_data,
    sidecars::init_steps_run_before_a_new_container,
    sidecars::a_failing_init_step_keeps_the_old_container,
    sidecars::a_sidecar_shares_network_and_directories,
    sidecars::a_completed_job_ends_its_sidecar,
    sidecars::a_failed_job_ends_its_sidecar,
    sidecars::a_failed_replacement_restarts_the_sidecar_too,
    failures::a_failed_replacement_keeps_the_old_container,
    failures::an_unready_component_is_reported_with_its_reason,
    failures::what_was_not_ready_before_is_reported_apart,
    failures::a_command_check_runs_before_the_engines_first,
    failures::a_failed_job_skips_its_dependents,
    failures::a_taken_host_port_is_reported,
    failures::a_failed_build_shows_the_end_of_its_log,
    failures::an_image_that_cannot_be_pulled_names_its_component,
    contents::images_are_rebuilt_when_their_context_changes,
    contents::a_patch_reaches_the_container_and_replaces_it,
    contents::host_aliases_are_in_the_hosts_file,
    contents::secrets_reach_only_the_container,
    contents::files_reach_a_read_only_root,
    contents::a_shared_volume_is_written_by_one_and_read_by_another,
    contents::a_port_is_published_on_one_address,
    contents::files_that_are_not_text_keep_their_bytes,
    contents::a_component_on_the_hosts_network_is_reached_by_its_name,
    logs::logs_are_merged_and_redacted,
    logs::logs_are_followed_across_restarts,
    logs::secrets_that_cannot_be_redacted_are_named,
    exec::commands_run_with_input_and_exit_code,
    exec::commands_have_a_terminal_of_the_users_size,
    exec::a_port_is_forwarded,
    ownership::unmanaged_objects_are_not_touched,
    ownership::a_killed_apply_is_completed_by_the_next,
    ownership::nothing_to_do_is_not_seen_during_another_apply,
    ownership::a_stopped_apply_stays_in_the_status,
    ownership::one_apply_at_a_time,
    rollout::a_crash_brings_the_old_container_back,
    rollout::a_crash_loop_is_never_all_clear,
    rollout::a_restart_replaces_what_it_names_and_nothing_else,
    rollout::stops_take_about_one_grace_period,
    rollout::changes_outside_kcc_are_noticed,
    rollout::a_changed_secret_replaces_its_readers,
    take_over::what_compose_runs_is_taken_over_with_its_data,
    recovery::volumes_keep_a_record,
    recovery::a_pruned_record_is_rebuilt,
    recovery::records_of_an_earlier_version_are_taken_over,
    recovery::a_lost_record_is_reported_and_recovered,
    recovery::unrecorded_objects_are_named,
    recovery::existing_data_gets_no_new_password,
    recovery::objects_with_labels_alone_are_not_recovered,
}

fn literal(text: &str) -> EnvValue {
    EnvValue::Literal(text.to_owned())
}

/// Returns the lines that explain a component's failure.
fn detail(report: &ApplyReport, component: &str) -> String {
    let failures = report.failures.iter();
    let own = failures.filter(|failure| failure.component.as_deref() == Some(component));
    own.flat_map(|failure| failure.detail.clone())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Drafts web → cart → db, as in the shop, with a migration in between.
fn chain(sandbox: &Sandbox) -> Draft {
    let mut desired = sandbox.desired();
    let volume = desired.volume("db", "data");
    let db = desired.add("db", SHOP, &["serve", "--listen", ":5432"]);
    let check = [
        "/shop",
        "migrate",
        "--dial",
        "127.0.0.1:5432",
        "--within",
        "0s",
    ];
    db.health = Some(health(Check::Exec(check.map(str::to_owned).into())));
    db.mounts.insert("/data".to_owned(), Mount::Volume(volume));
    desired.add("migrate", SHOP, &["migrate", "--dial", "db:5432"]);
    desired.job("migrate");
    desired.serve("cart", &["--dial", "db:5432"]);
    desired
        .serve("web", &["--call", "http://cart:8080"])
        .ports
        .push(publish(8080, None));
    desired.after("migrate", "db", Until::Healthy);
    desired.after("cart", "migrate", Until::Completed);
    desired.after("web", "cart", Until::Healthy);
    desired
}
