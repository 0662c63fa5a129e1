//! Tests whole plans: everything is created, unchanged, taken down or refused.

use super::*;

#[test]
fn creates_everything_in_order_on_an_empty_engine() {
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
            "+ create image      acme/web:1        not present on the engine [storefront]",
            "+ create image      postgres:16       not present on the engine [payments]",
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
    // The image of `db` may have a health check.
    let states = [Until::Healthy, Until::Completed, Until::Healthy];
    assert_eq!(ready, states.map(Some));
}

#[test]
fn leaves_everything_as_desired_unchanged() {
    let docker = shop();
    let plan = plan(&docker, &as_desired(&docker));
    assert_eq!(
        plan.to_text(),
        "shop in dev: nothing to do, 8 objects unchanged\n"
    );
}

#[test]
fn names_unmanaged_objects_with_desired_names() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    existing(&mut observed, "db").object.ownership = Ownership::Unmanaged;
    existing(&mut observed, "web").object.ownership = Ownership::Unmanaged;
    observed.networks.get_mut("shop-dev").unwrap().ownership = Ownership::Unmanaged;
    let error = reconcile(&desired(&docker), &docker, &observed, &Options::default()).unwrap_err();
    assert_eq!(error.code, Code::PlanForeignObject);
    assert_eq!(
        error.message,
        "container `shop-dev-db` already exists and is not managed by kcc (and 2 more objects)"
    );
    assert_eq!(
        error.help.unwrap(),
        "remove it if nobody needs it: `docker rm -f shop-dev-db; docker rm -f shop-dev-web; \
         docker network rm shop-dev`"
    );
    // Unmanaged data is not used either.
    let mut observed = as_desired(&docker);
    let volume = observed.volumes.get_mut("shop-dev-db-data").unwrap();
    volume.ownership = Ownership::Unmanaged;
    let refused = reconcile(&desired(&docker), &docker, &observed, &Options::default());
    assert_eq!(refused.unwrap_err().code, Code::PlanForeignObject);
}

#[test]
fn refuses_an_image_that_starts_as_root() {
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
    assert_eq!(error.images.len(), 1, "only that image");
    // A non-root user of the image or of the container is accepted.
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
    // An init step is created with its container.
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
    // Images that are pulled or built are checked once they exist.
    observed.images.clear();
    assert!(refused(&docker, &observed).is_none());
}

#[test]
fn takes_everything_down_in_reverse_order() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    let unrecorded = object("unrecorded", None);
    let unrecorded = ObservedObject {
        ownership: Ownership::Unrecorded,
        ..unrecorded
    };
    observed
        .volumes
        .insert("shop-dev-other".to_owned(), unrecorded);
    let needs = |name: &str, other: &str| (name.to_owned(), BTreeSet::from([other.to_owned()]));
    let order = BTreeMap::from([needs("web", "migrate"), needs("migrate", "db")]);
    let desired = desired(&docker);
    let plan = tear_down(&desired, &observed, &order, &Options::default()).unwrap();
    assert_eq!(
        plan.to_text(),
        "shop in dev: 4 to delete, 1 unrecorded, 1 object unchanged\n\n  \
         - delete     container  shop-dev-web      removed by `kcc down` [storefront]\n  \
         - delete     container  shop-dev-migrate  removed by `kcc down` [storefront]\n  \
         - delete     container  shop-dev-db       removed by `kcc down` [storefront]\n  \
         - delete     network    shop-dev          removed by `kcc down`\n  \
         ! unrecorded volume     shop-dev-other    created by kcc, but not in its record\n      \
         help: take it back: `kcc recover --target dev`\n"
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

#[test]
fn waits_for_the_health_check_of_an_image() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    let ready = |observed: &Observed| plan(&docker, observed).components["db"].ready;
    assert_eq!(ready(&observed), Some(Until::Started));
    let image = observed.images.get_mut("postgres:16").unwrap();
    image.has_health_check = true;
    assert_eq!(ready(&observed), Some(Until::Healthy));
}

#[test]
fn tells_of_an_image_that_is_not_the_locked_one() {
    let mut docker = shop();
    let mut observed = as_desired(&docker);
    let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
    let locked = docker.images.get_mut("acme/web:1").unwrap();
    locked.locked = Some(digest("a"));
    let mut found = |digests: &[String]| {
        let image = observed.images.get_mut("acme/web:1").unwrap();
        image.digests = digests.to_vec();
        let plan = plan(&docker, &observed);
        assert!(plan.is_up_to_date());
        plan.findings
    };
    let named = |digit| format!("acme/web@{}", digest(digit));
    assert!(found(&[]).is_empty(), "an image that was built here");
    assert!(found(&[named("b"), named("a")]).is_empty());
    let moved = found(&[named("b")]);
    assert_eq!(moved[0].finding, FindingKind::Moved);
    assert_eq!(
        moved[0].cause,
        "image `acme/web:1` is sha256:bbbbbbbbbbbb on the engine, but sha256:aaaaaaaaaaaa in `kcc.lock`"
    );
}

#[test]
fn an_instance_needs_what_it_shares_and_its_target_keeps_it() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    let mut instance = desired(&docker);
    instance.instance = Some("ann".to_owned());
    instance.shared.insert(
        "db".to_owned(),
        kcc_lower::SharedComponent {
            team: "payments".to_owned(),
            path: "backings.db".to_owned(),
            namespace: None,
            secrets: BTreeSet::new(),
        },
    );
    let options = Options::default();
    let refused = reconcile(&instance, &docker, &observed, &options).unwrap_err();
    assert_eq!(refused.code, Code::PlanSharedNotRunning);
    assert_eq!(
        refused.message,
        "instance `ann` shares `db`, which does not run in `dev`"
    );
    assert_eq!(
        refused.help.as_deref(),
        Some("start it: `kcc apply --target dev`")
    );
    let replicas = crate::shared::Replicas {
        all: 1,
        running: 1,
        addresses: Vec::new(),
    };
    observed
        .sharing
        .components
        .insert("db".to_owned(), replicas);
    assert!(reconcile(&instance, &docker, &observed, &options).is_ok());

    let sharer = kcc_plan::Sharer {
        component: "db".to_owned(),
        instance: "ann".to_owned(),
    };
    let name = "shop-dev.ann-web".to_owned();
    observed.sharers.insert(name, BTreeSet::from([sharer]));
    let order = BTreeMap::new();
    let refused = tear_down(&desired(&docker), &observed, &order, &options).unwrap_err();
    assert_eq!(refused.code, Code::PlanSharedInUse);
}

#[test]
fn the_order_of_ten_thousand_objects_is_short() {
    const SERVICES: usize = 3_334;
    let mut docker = shop();
    docker.networks.clear();
    docker.volumes.clear();
    docker.containers.clear();
    docker.images.retain(|_, image| image.build.is_none());
    for number in 0..SERVICES {
        let component = format!("s{number}");
        let name = format!("shop-dev-{component}");
        let network = Network {
            component: Some(component.clone()),
            labels: BTreeMap::new(),
        };
        docker.networks.insert(name.clone(), network);
        let volume = Volume {
            component: Some(component.clone()),
            team: "payments".to_owned(),
            labels: BTreeMap::new(),
        };
        docker.volumes.insert(format!("{name}-data"), volume);
        let mut own = desired::container(&component, "acme/web:1", &name);
        let mount = Mount::Volume(format!("{name}-data"));
        own.mounts.insert("/data".to_owned(), mount);
        docker.containers.insert(name, own);
    }
    let observed = as_desired(&docker);
    let mut empty = docker.clone();
    empty.networks.clear();
    empty.containers.clear();
    // Each service starts after the one before.
    let after = |number: usize| BTreeSet::from([format!("s{}", number - 1)]);
    let order = (1..SERVICES).map(|number| (format!("s{number}"), after(number)));
    let order = order.collect();
    let options = Options {
        volumes: true,
        ..Options::default()
    };
    let plans = [
        reconcile(&desired(&docker), &docker, &Observed::default(), &options),
        reconcile(&desired(&empty), &empty, &observed, &options),
        tear_down(&desired(&docker), &observed, &order, &options),
    ];
    for plan in plans.map(Result::unwrap) {
        assert!(plan.steps.len() >= 2 * SERVICES, "{}", plan.steps.len());
        let edges = plan.operations().map(|operation| operation.after.len());
        let edges: usize = edges.sum();
        assert!(edges <= 4 * plan.steps.len(), "{edges} edges");
    }
}
