//! Tests the examples on a real Kubernetes cluster through the real binary. The
//! shop: three teams' fragments come up in order as real pods, stay, change and are
//! taken down. Every example: the cluster accepts its rendered files.
//! `kcc_test_engines::kubernetes` says when the tests run.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

mod canary;
mod cases;
mod conflicts;
mod connections;
mod drift;
mod example;
mod fields;
mod incidents;
mod kills;
mod lock;
mod operators;
mod outages;
mod shop;

use std::process::ExitCode;

use kcc_test_engines::{
    kubernetes::Testbed,
    trials::{self, Case},
};

fn main() -> ExitCode {
    let shop = cases::ALL
        .iter()
        .map(|(name, case)| Case::new(*name, move |testbed| case(&shop::Shop::new(testbed, name))));
    let examples = example::ALL.iter().map(|example| {
        Case::new(example.case(), move |testbed| {
            example.is_accepted_by_the_cluster(testbed);
        })
    });
    let operators = Case::new("custom_resources_are_accepted_and_stable", |testbed| {
        operators::custom_resources_are_accepted_and_stable(testbed);
    });
    let lock = Case::new("a_named_user_runs_by_its_locked_number", |testbed| {
        lock::a_named_user_runs_by_its_locked_number(testbed);
    });
    let drift = Case::new("changes_by_others_are_found_and_reverted", |testbed| {
        drift::changes_are_found(testbed);
    });
    let fields = Case::new("fields_have_an_effect_in_pods", |testbed| {
        fields::fields_have_an_effect_in_pods(testbed);
    });
    let canary = Case::new("a_canary_is_found_only_where_it_is_read", |testbed| {
        canary::is_found_only_where_it_is_read(testbed);
    });
    let conflicts = Case::new("fifty_conflicts_have_remedies_that_work", |testbed| {
        conflicts::fifty_conflicts_have_remedies_that_work(testbed);
    });
    let killed = Case::new("a_killed_api_server_is_survived", |testbed| {
        outages::a_killed_api_server_is_survived(&testbed);
    });
    let kills = kills::case();
    // Each case brings up a whole system.
    trials::run(
        Testbed::find,
        Some(2),
        shop.chain(examples)
            .chain([operators, lock, fields, drift, conflicts])
            .chain([canary, killed.alone()])
            .chain(kills)
            .chain(incidents::cases()),
    )
}
