//! The cases. Each works on a copy of the shop with a name of its own.

use std::{fs, process::Command};

use crate::{
    shop::Shop,
    support::{
        outcome,
        shop::{
            COMPONENTS, Shop as _, all_outputs, comes_up_and_stays, follows_one_variable,
            misses_its_engine, refuses_a_second_apply, survives_kills, takes_down,
        },
    },
};

pub(crate) type Case = fn(&Shop);

macro_rules! cases {
    ($($name:ident,)*) => {
        pub(crate) const ALL: &[(&str, Case)] = &[$((stringify!($name), $name),)*];
    };
}

cases! {
    the_shop_comes_up_and_a_second_apply_does_nothing,
    one_variable_replaces_one_service,
    what_nobody_said_to_need_is_not_reached,
    a_killed_container_is_healed,
    down_leaves_the_data_until_it_is_asked_for,
    a_failing_check_ends_with_its_reason,
    an_apply_that_is_killed_is_finished_by_the_next,
    an_apply_that_is_interrupted_says_so,
    a_second_apply_is_refused_by_name,
    secrets_are_in_no_output,
    secrets_that_nobody_has_are_told_at_once,
    an_engine_that_is_not_there_is_an_environment_error,
    an_image_that_starts_as_root_replaces_nothing_unless_it_may,
}

fn the_shop_comes_up_and_a_second_apply_does_nothing(shop: &Shop) {
    shop.plan();
    assert!(!shop.state().exists(), "a plan changes nothing");
    let address = format!("0.0.0.0:{}", shop.port);
    comes_up_and_stays(shop, &["1/1", &address]);
}

fn one_variable_replaces_one_service(shop: &Shop) {
    shop.apply();
    let before = shop.ids();
    follows_one_variable(shop, "replace", "container", "replaced");
    let web = shop.name("web");
    for ((name, old), (_, new)) in before.iter().zip(&shop.ids()) {
        assert_eq!(old == new, *name != web, "{name}");
    }
}

fn what_nobody_said_to_need_is_not_reached(shop: &Shop) {
    shop.edit(
        "teams/storefront/web.cue",
        "\"$(CART_URL)\"",
        "\"$(CART_URL)\", \"--call\", \"http://payments:8080\"",
    );
    shop.apply();
    let (status, page) = shop.page();
    assert_eq!(status, 502, "{page:#}");
    let error = page["calls"][1]["error"].as_str().unwrap_or_default();
    assert!(error.contains("lookup payments"), "{page:#}");
    // Others reach it, and so does this one once it says so.
    assert_eq!(page["calls"][0]["answer"]["ok"], true, "{page:#}");
    shop.edit(
        "teams/storefront/web.cue",
        "needs: cart: {}",
        "needs: {cart: {}, payments: {}}",
    );
    let operations = shop.plan();
    assert_eq!(
        operations.len(),
        1,
        "only the one that needs it: {operations:#?}"
    );
    shop.apply();
    assert_eq!(shop.page().0, 200);
}

fn a_killed_container_is_healed(shop: &Shop) {
    shop.apply();
    shop.docker(&["kill", &shop.name("cart")]);
    shop.docker(&["rm", "-f", &shop.name("payments")]);
    assert_eq!(shop.page().0, 502);
    let status = shop.run(&["status", "--target", "dev"]);
    assert!(
        status.out.contains("exited with exit code 137"),
        "{}",
        status.out
    );
    let report = shop.apply();
    assert_eq!(
        (outcome(&report, "cart"), outcome(&report, "payments")),
        ("updated", "created")
    );
    assert_eq!(outcome(&report, "web"), "unchanged");
    assert_eq!(shop.page().0, 200);
}

fn down_leaves_the_data_until_it_is_asked_for(shop: &Shop) {
    shop.apply();
    let volumes = shop.list("volume");
    assert!(!volumes.is_empty());
    takes_down(shop, false);
    assert_eq!(shop.there(), volumes);
    // It comes up again with the data, and the passwords that open it.
    shop.apply();
    assert_eq!(shop.page().0, 200);
    takes_down(shop, true);
    assert_eq!(shop.there(), [""; 0]);
    assert!(!shop.state().join("secrets").exists());
}

fn a_failing_check_ends_with_its_reason(shop: &Shop) {
    shop.edit(
        "teams/storefront/cart.cue",
        "needs: {",
        "health: http: \"/nowhere\"\n\tneeds: {",
    );
    // The check that all share goes to those that keep it.
    shop.edit("kcc.cue", "\thealth: http: \"/healthz\"\n", "");
    for file in ["teams/payments/checkout.cue", "teams/storefront/web.cue"] {
        let text = fs::read_to_string(shop.path(file)).unwrap();
        let text = text.replace("_app & {", "_app & {\n\t\thealth: http: \"/healthz\"");
        fs::write(shop.path(file), text).unwrap();
    }
    let ran = shop.run(&["apply", "--target", "dev", "--timeout", "3s"]);
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    for text in [
        "kcc::apply::incomplete",
        "`cart` is not healthy: GET /nowhere on port 8080 answers 404 (after 3 s)",
        "storefront",
    ] {
        ran.says(text);
    }
    // What does not need it came up; what needs it was not begun.
    assert!(shop.list("container").contains(&shop.name("checkout")));
    assert!(!shop.list("container").contains(&shop.name("web")));
}

fn an_apply_that_is_killed_is_finished_by_the_next(shop: &Shop) {
    survives_kills(shop, &["create network", "create container", "ready"]);
    let containers = shop.list("container");
    assert_eq!(containers, COMPONENTS.map(|component| shop.name(component)));
    // Nothing is left untracked: down finds all of it.
    takes_down(shop, true);
    assert_eq!(shop.there(), [""; 0]);
}

fn an_apply_that_is_interrupted_says_so(shop: &Shop) {
    // Ctrl-C, and what CI systems send.
    for signal in ["-INT", "-TERM"] {
        let mut child = shop.start_until(&["apply", "--target", "dev"], "create container");
        let pid = child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(4), "{signal}");
        assert!(
            !shop.state().join("intent.json").exists(),
            "{signal}: what is left is known"
        );
    }
    shop.apply();
    assert_eq!(shop.page().0, 200);
}

fn a_second_apply_is_refused_by_name(shop: &Shop) {
    refuses_a_second_apply(shop, "create");
}

fn secrets_are_in_no_output(shop: &Shop) {
    let mut texts = all_outputs(shop);
    let secrets: Vec<_> = fs::read_dir(shop.state().join("secrets"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(secrets.len() >= 2, "stripe-key and the database's password");
    let env = shop.docker(&[
        "inspect",
        "--format={{json .Config.Env}}",
        &shop.name("payments"),
    ]);
    assert!(
        secrets.iter().any(|secret| env.contains(secret.as_str())),
        "the service has it"
    );
    texts.push(fs::read_to_string(shop.state().join("inventory.json")).unwrap());
    for component in COMPONENTS {
        texts.push(shop.docker(&[
            "inspect",
            "--format={{json .Config.Labels}}",
            &shop.name(component),
        ]));
    }
    for secret in &secrets {
        assert!(!texts.iter().any(|text| text.contains(secret.as_str())));
    }
}

fn secrets_that_nobody_has_are_told_at_once(shop: &Shop) {
    let file = "teams/payments/checkout.cue";
    let declared = "secrets: \"stripe-key\": {}\n";
    let lacking = "on: dev: secrets: {\n\t\"stripe-key\": env: \"NO_SUCH_VARIABLE\"\n\t\
                   pager: command: [\"no-such-command\"]\n}\n";
    shop.edit(
        file,
        declared,
        &format!("{declared}secrets: pager: {{}}\n{lacking}"),
    );
    let used = "env: STRIPE_KEY: secret: \"stripe-key\"";
    shop.edit(
        file,
        used,
        &format!("{used}\n\t\tenv: PAGER_KEY: secret: \"pager\""),
    );
    let ran = shop.run(&["apply", "--target", "dev"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    ran.says("`stripe-key` cannot be had: the variable `NO_SUCH_VARIABLE` is not set");
    ran.says("`pager` cannot be had: there is no `no-such-command` on this machine");
    // With the team's lines, and before anything was changed.
    assert_eq!(
        ran.err.matches("teams/payments/checkout.cue:").count(),
        2,
        "{}",
        ran.err
    );
    assert_eq!(ran.err.matches("(payments)").count(), 2, "{}", ran.err);
    assert!(shop.list("container").is_empty());
}

fn an_engine_that_is_not_there_is_an_environment_error(shop: &Shop) {
    let texts = [
        "kcc::plan::docker-unreachable",
        "`unix:///nowhere/docker.sock`, named by `DOCKER_HOST`",
        "start the engine",
    ];
    misses_its_engine(shop, "unix:///nowhere/docker.sock", &[], &texts);
    assert!(!shop.state().exists());
}

fn an_image_that_starts_as_root_replaces_nothing_unless_it_may(shop: &Shop) {
    shop.apply();
    let before = shop.ids();
    let user =
        |name: &str| shop.docker(&["inspect", "--format={{.Config.User}}", &shop.name(name)]);
    assert_eq!(user("web"), "65532:65532", "the image's own");
    shop.edit("app/Dockerfile", "USER 65532:65532\n", "");
    let ran = shop.run(&["apply", "--target", "dev"]);
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    for text in [
        "kcc::apply::image-user",
        "names no user and starts as root, which profile `restricted` refuses",
        "services: payments: user: \"65532\"",
        "services: payments: security: profile: \"baseline\"",
        "defaults: services: [string]: security: profile: \"baseline\"",
    ] {
        ran.says(text);
    }
    assert_eq!(shop.ids(), before, "nothing was replaced");
    assert_eq!(shop.page().0, 200);
    // The image is there now: a plan knows, with the line, before anything is done.
    let ran = shop.run(&["plan", "--target", "dev"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    ran.says("kcc::apply::image-user");
    let allowed = "package shop

defaults: {
	services: [string]: security: profile: \"baseline\"
	jobs: [string]: security: profile: \"baseline\"
}
";
    fs::write(shop.path("baseline.cue"), allowed).unwrap();
    shop.apply();
    assert_eq!(shop.page().0, 200);
    assert_eq!(user("web"), "", "root, as the image was built");
    let format = "--format={{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}";
    assert_eq!(
        shop.docker(&["inspect", format, &shop.name("web")]),
        "[] []"
    );
}
