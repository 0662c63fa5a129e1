//! What goes: what nobody asks for, and what a killed apply left.

use super::*;

#[test]
fn what_nobody_asks_for_goes_but_never_its_data() {
    let full = shop();
    let observed = as_desired(&full);
    let mut docker = full.clone();
    docker.containers.remove("shop-dev-db");
    docker.volumes.clear();
    check(
        &docker,
        &observed,
        &["- delete container  shop-dev-db  no longer declared [storefront]"],
    );
    let keep = Options {
        prune: Prune::None,
        ..Options::default()
    };
    let plan = reconcile(&desired(&docker), &docker, &observed, &keep).unwrap();
    assert!(plan.is_empty(), "{}", plan.to_text());
}

#[test]
fn a_successor_that_was_left_goes_first() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    let web = observed.containers.remove("shop-dev-web").unwrap();
    observed
        .containers
        .insert("shop-dev-web.new".to_owned(), web);
    check(
        &docker,
        &observed,
        &[
            "- delete container  shop-dev-web.new  an apply that was stopped left it [storefront]",
            "+ create container  shop-dev-web      does not exist [storefront]",
        ],
    );
}

#[test]
fn of_two_networks_with_one_name_the_spare_one_goes_first() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    observed.containers.remove("shop-dev-web");
    let twin = ("shop-dev".to_owned(), object("twin", None));
    observed.twins.push(twin);
    let removal = "- delete network    shop-dev (id of twin)  an apply that was stopped left it beside another one";
    let web = "+ create container  shop-dev-web           does not exist [storefront]";
    check(&docker, &observed, &[removal, web]);
    let web = &plan(&docker, &observed).steps[1].operation;
    assert!(web.after.contains(&1), "{web:?}");

    // What kcc does not know stays.
    observed.twins[0].1.ownership = Ownership::Claimed;
    let web = "+ create container  shop-dev-web  does not exist [storefront]";
    check(&docker, &observed, &[web]);
}
