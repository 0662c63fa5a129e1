//! Tests removals: objects that are no longer declared, and leftovers.

use super::*;

#[test]
fn removes_undeclared_containers_but_keeps_their_data() {
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
fn removes_a_leftover_successor_first() {
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
            "- delete container  shop-dev-web.new  left behind by an interrupted apply [storefront]",
            "+ create container  shop-dev-web      does not exist [storefront]",
        ],
    );
}

#[test]
fn removes_a_duplicate_network_first() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    observed.containers.remove("shop-dev-web");
    let duplicate = ("shop-dev".to_owned(), object("copy", None));
    observed.duplicates.push(duplicate);
    let removal =
        "- delete network    shop-dev (id of copy)  duplicate left behind by an interrupted apply";
    let web = "+ create container  shop-dev-web           does not exist [storefront]";
    check(&docker, &observed, &[removal, web]);
    let web = &plan(&docker, &observed).steps[1].operation;
    assert!(web.after.contains(&1), "{web:?}");

    // An unrecorded duplicate stays, and is named.
    observed.duplicates[0].1.ownership = Ownership::Unrecorded;
    check(
        &docker,
        &observed,
        &[
            "+ create     container  shop-dev-web  does not exist [storefront]",
            "! unrecorded network    shop-dev      created by kcc, but not in its record",
            "help: take it back: `kcc recover --target dev`",
        ],
    );
}
