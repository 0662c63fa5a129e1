//! Everything at once: made, left alone, taken down, or refused.

use super::*;

#[test]
fn an_empty_engine_gets_everything_in_order() {
    let docker = shop();
    let mut observed = Observed::default();
    observed
        .contexts
        .insert("shop-app".to_owned(), "c1".to_owned());
    check(
        &docker,
        &observed,
        &[
            "+ create network    shop-dev          does not exist",
            "+ create volume     shop-dev-db-data  does not exist [payments]",
            "+ create image      acme/web:1        the engine does not have it [storefront]",
            "+ create image      postgres:16       the engine does not have it [payments]",
            "+ create image      shop-app          `app` was never built [payments]",
            "+ create container  shop-dev-db       does not exist [payments]",
            "+ create container  shop-dev-migrate  does not exist [payments]",
            "+ create container  shop-dev-web      does not exist [storefront]",
        ],
    );
    let plan = plan(&docker, &observed);
    let after: Vec<_> = plan
        .operations()
        .map(|operation| operation.after.clone())
        .collect();
    assert_eq!(after[5..], [vec![1, 2, 4], vec![1, 5, 6], vec![1, 3, 7]]);
    let waits: Vec<_> = plan.steps[7]
        .waits
        .iter()
        .map(|wait| (&*wait.component, wait.until))
        .collect();
    assert_eq!(waits, [("migrate", Until::Completed)]);
    let ready: Vec<_> = plan
        .components
        .values()
        .map(|component| component.ready)
        .collect();
    let states = [Until::Started, Until::Completed, Until::Healthy];
    assert_eq!(ready, states.map(Some));
}

#[test]
fn what_is_as_it_should_be_is_left_alone() {
    let docker = shop();
    let plan = plan(&docker, &as_desired(&docker));
    assert_eq!(
        plan.to_text(),
        "shop in dev: nothing to do, 8 objects unchanged\n"
    );
}

#[test]
fn what_is_in_the_way_is_named_with_everything_like_it() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    there(&mut observed, "db").object.ownership = Ownership::Foreign;
    there(&mut observed, "web").object.ownership = Ownership::Foreign;
    observed.networks.get_mut("shop-dev").unwrap().ownership = Ownership::Foreign;
    let error = reconcile(&desired(&docker), &docker, &observed, &Options::default()).unwrap_err();
    assert_eq!(error.code, Code::PlanForeignObject);
    assert_eq!(
        error.message,
        "container `shop-dev-db` is in the way, and kcc did not make it, and 2 more objects like it"
    );
    assert_eq!(
        error.help.unwrap(),
        "if nobody needs it: `docker rm -f shop-dev-db; docker rm -f shop-dev-web; \
         docker network rm shop-dev`"
    );
    // Data of somebody else's is not used either.
    let mut observed = as_desired(&docker);
    let volume = observed.volumes.get_mut("shop-dev-db-data").unwrap();
    volume.ownership = Ownership::Foreign;
    let refused = reconcile(&desired(&docker), &docker, &observed, &Options::default());
    assert_eq!(refused.unwrap_err().code, Code::PlanForeignObject);
}

#[test]
fn an_image_that_starts_as_root_stops_a_plan_that_would_use_it() {
    let mut docker = shop();
    let mut observed = as_desired(&docker);
    let refused = |docker: &DockerDesired, observed: &Observed| {
        reconcile(&desired(docker), docker, observed, &Options::default()).err()
    };
    let web = wanted(&mut docker, "web");
    web.baseline = false;
    web.env
        .insert("LOG".to_owned(), EnvValue::Literal("debug".to_owned()));
    let error = refused(&docker, &observed).unwrap();
    assert_eq!(error.code, Code::ApplyImageUser);
    assert_eq!(error.images[0].image, "acme/web:1");
    assert_eq!(error.images[0].user, RefusedUser::Unnamed);
    assert_eq!(error.images.len(), 1, "and no other one");
    // Its own user, or one that the container names, is as good as any.
    let mut user = |user: &str| {
        let image = observed.images.get_mut("acme/web:1").unwrap();
        user.clone_into(&mut image.user);
        refused(&docker, &observed)
    };
    assert!(user("root:root").is_some() && user("0").is_some());
    assert!(user("1000").is_none() && user("node").is_none());
    observed.images.get_mut("acme/web:1").unwrap().user.clear();
    wanted(&mut docker, "web").user = Some("1000".to_owned());
    assert!(refused(&docker, &observed).is_none());
    // An init step is made with its container.
    let step = Container {
        user: None,
        image: "postgres:16".to_owned(),
        ..wanted(&mut docker, "web").clone()
    };
    wanted(&mut docker, "web").init.push(InitStep {
        name: "wait".to_owned(),
        container: step,
    });
    let error = refused(&docker, &observed).unwrap();
    assert_eq!(error.images[0].image, "postgres:16");
    // One that is fetched or built is examined once it is there.
    observed.images.clear();
    assert!(refused(&docker, &observed).is_none());
}

#[test]
fn everything_goes_down_from_the_outside_in() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    let stranger = object("stranger", None);
    let stranger = ObservedObject {
        ownership: Ownership::Claimed,
        ..stranger
    };
    observed
        .volumes
        .insert("shop-dev-other".to_owned(), stranger);
    let needs = |name: &str, other: &str| (name.to_owned(), BTreeSet::from([other.to_owned()]));
    let order = BTreeMap::from([needs("web", "migrate"), needs("migrate", "db")]);
    let desired = desired(&docker);
    let plan = tear_down(&desired, &observed, &order, &Options::default()).unwrap();
    assert_eq!(
        plan.to_text(),
        "shop in dev: 4 to delete, 1 object unchanged\n\n  \
         - delete container  shop-dev-web      everything is taken down [storefront]\n  \
         - delete container  shop-dev-migrate  everything is taken down [storefront]\n  \
         - delete container  shop-dev-db       everything is taken down [storefront]\n  \
         - delete network    shop-dev          everything is taken down\n"
    );
    let options = Options {
        volumes: true,
        ..Options::default()
    };
    let plan = tear_down(&desired, &observed, &order, &options).unwrap();
    let data: Vec<_> = plan
        .operations()
        .filter(|operation| operation.destroys_data)
        .collect();
    assert_eq!(data.len(), 1);
    assert_eq!(
        (data[0].name.as_str(), data[0].cause.as_str()),
        ("shop-dev-db-data", "`--volumes` was given")
    );
}
