//! The cases. Each works on a system of its own, so they run side by side.

mod company;
mod contents;
mod failures;
mod jobs;
mod lifecycle;
mod ownership;
mod recovery;
mod rollout;

use std::{future::Future, pin::Pin};

use kcc_lower::docker::Mount;
use kcc_model::{Check, EnvValue, Until};
use kcc_plan::ApplyReport;

use crate::docker::{Draft, Place, SHOP, health, publish};

type Case = for<'a> fn(&'a Place) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

macro_rules! cases {
    ($($group:ident::$name:ident,)*) => {
        pub(crate) const ALL: &[(&str, Case)] =
            &[$((stringify!($name), |place| Box::pin($group::$name(place))),)*];
    };
}

cases! {
    lifecycle::a_chain_comes_up_in_order_and_stays,
    lifecycle::only_what_changed_is_replaced,
    lifecycle::what_was_killed_is_healed,
    lifecycle::what_writes_to_a_volume_is_stopped_first,
    lifecycle::a_job_runs_again_only_when_it_changed,
    jobs::a_cron_job_is_made_and_runs_when_somebody_starts_it,
    jobs::no_more_runs_go_on_at_once_than_are_allowed,
    lifecycle::replicas_share_a_name_and_free_ports_are_kept,
    lifecycle::what_is_no_longer_asked_for_goes,
    lifecycle::down_leaves_the_data,
    company::init_steps_run_before_a_container_that_is_made,
    company::an_init_step_that_fails_is_told_and_leaves_the_old_one,
    company::a_sidecar_shares_network_and_folders,
    company::a_job_ends_its_sidecar,
    company::a_job_that_fails_ends_its_sidecar,
    company::what_cannot_be_replaced_goes_on_with_its_sidecar,
    failures::a_bad_replacement_leaves_the_old_one,
    failures::a_component_that_is_never_ready_says_why,
    failures::a_command_is_asked_before_the_engine_asks_it,
    failures::a_failed_job_skips_what_needs_it,
    failures::a_host_port_that_is_taken_is_said,
    failures::a_broken_build_shows_its_end,
    failures::an_image_that_cannot_be_had_names_who_wants_it,
    contents::images_are_built_when_their_context_changes,
    contents::a_patch_reaches_the_container_and_replaces_it,
    contents::secrets_reach_the_container_and_nothing_else,
    contents::files_reach_a_root_that_cannot_be_written,
    ownership::what_is_not_ours_is_not_touched,
    ownership::an_apply_that_was_killed_is_finished,
    ownership::one_apply_at_a_time,
    ownership::an_instance_is_a_copy_of_its_own,
    rollout::a_crash_brings_the_old_one_back,
    rollout::a_crash_loop_is_no_all_clear,
    rollout::stops_take_about_one_grace_period,
    rollout::what_was_changed_outside_is_noticed,
    rollout::a_changed_secret_replaces_its_readers,
    recovery::a_lost_record_is_said_and_taken_back,
    recovery::kept_data_gets_no_new_password,
    recovery::labels_alone_are_not_taken_back,
}

fn literal(text: &str) -> EnvValue {
    EnvValue::Literal(text.to_owned())
}

/// The lines that explain a component's failure.
fn detail(report: &ApplyReport, component: &str) -> String {
    let failures = report.failures.iter();
    let own = failures.filter(|failure| failure.component.as_deref() == Some(component));
    own.flat_map(|failure| failure.detail.clone())
        .collect::<Vec<_>>()
        .join("\n")
}

/// web → cart → db, as in the shop, with a migration between.
fn chain(place: &Place) -> Draft {
    let mut desired = place.desired();
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
