//! What somebody changed outside kcc, and what is not ready, is never "nothing to do".

use super::*;

/// The only operation's action and cause after a change to a container.
fn cause(component: &str, change: impl Fn(&mut ObservedContainer)) -> String {
    let docker = shop();
    let mut observed = as_desired(&docker);
    change(there(&mut observed, component));
    let plan = plan(&docker, &observed);
    let mut operations = plan.operations();
    let text = operations
        .next()
        .map(|o| format!("{} {}", o.action.as_str(), o.cause));
    assert!(operations.next().is_none(), "{}", plan.to_text());
    text.unwrap_or_default()
}

#[test]
fn a_changed_setting_is_told_with_desired_and_live() {
    let text = cause("web", |web| {
        web.settings = json!({"Memory": 128 << 20, "RestartPolicy": {"Name": "unless-stopped"}});
    });
    assert_eq!(
        text,
        "replace `memory` is 128Mi instead of 64Mi (changed outside kcc)"
    );
    let text = cause("web", |web| {
        web.settings = json!({"A": 1, "B": 1, "Memory": 64 << 20, "C": "x"});
    });
    assert_eq!(
        text,
        "replace `A` is 1 instead of unset, `B` is 1 instead of unset, `C` is `x` instead of unset \
         and 1 more (changed outside kcc)"
    );
    // What was made before settings were recorded is taken as it is.
    let text = cause("web", |web| {
        web.recorded = None;
        web.settings = json!({"Memory": 1});
    });
    assert_eq!(text, "");
    // A job that is done does not notice.
    assert_eq!(cause("migrate", |job| job.settings = json!({})), "");
}

#[test]
fn changed_secrets_and_variables_are_named_without_values() {
    let one = |web: &mut ObservedContainer| _ = web.process.secrets.insert("stripe-key".to_owned());
    assert_eq!(cause("web", one), "replace secret `stripe-key` changed");
    let two = |web: &mut ObservedContainer| {
        one(web);
        web.process.secrets.insert("pager".to_owned());
    };
    assert_eq!(
        cause("web", two),
        "replace secret `pager` and 1 more changed"
    );
    let added = |web: &mut ObservedContainer| {
        web.process
            .changes
            .push("variable `DEBUG` was added".to_owned());
    };
    assert_eq!(
        cause("web", added),
        "replace variable `DEBUG` was added (changed outside kcc)"
    );
}

#[test]
fn changed_networks_are_named() {
    let alone = |web: &mut ObservedContainer| web.networks.clear();
    assert_eq!(
        cause("web", alone),
        "replace not connected to network `shop-dev`"
    );
    let replaced = |web: &mut ObservedContainer| {
        web.networks.get_mut("shop-dev").unwrap().network = "older".to_owned();
    };
    assert_eq!(
        cause("web", replaced),
        "replace network `shop-dev` was replaced"
    );
    let nameless = |web: &mut ObservedContainer| {
        web.networks.get_mut("shop-dev").unwrap().aliases.clear();
    };
    assert_eq!(
        cause("web", nameless),
        "replace it does not answer to `web` on network `shop-dev`"
    );
    let more = |web: &mut ObservedContainer| {
        web.networks.insert("other".to_owned(), Attached::default());
    };
    assert_eq!(
        cause("web", more),
        "replace connected to network `other` outside kcc"
    );
}

#[test]
fn what_is_not_ready_is_a_finding() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    let failed = Readiness::Failed {
        why: "crash loop: exit code 3 (4 restarts)".to_owned(),
    };
    observed.readiness.insert("shop-dev-web".to_owned(), failed);
    observed
        .readiness
        .insert("shop-dev-db".to_owned(), Readiness::Ready);
    let plan = plan(&docker, &observed);
    assert!(plan.is_empty() && !plan.is_settled());
    assert_eq!(
        plan.to_text(),
        "shop in dev: 1 not ready, 8 objects unchanged\n\n  \
         ! not ready container  shop-dev-web  crash loop: exit code 3 (4 restarts) [storefront]\n"
    );
}

#[test]
fn an_apply_that_failed_is_told_with_what_comes_next() {
    let mut docker = shop();
    let mut observed = as_desired(&docker);
    let why = "the new `shop-dev-web` is not ready: crash loop: exit code 3".to_owned();
    observed.failures.insert("web".to_owned(), why);
    // What is as desired needs no attempt.
    assert!(plan(&docker, &observed).is_settled());
    wanted(&mut docker, "web").args = Some(vec!["serve".to_owned()]);
    check(
        &docker,
        &observed,
        &[
            "± replace container  shop-dev-web  `args` changed (the last apply failed: the new \
           `shop-dev-web` is not ready: crash loop: exit code 3) [storefront]",
        ],
    );
}

#[test]
fn a_secret_that_cannot_be_compared_is_told() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    observed.missing_secrets.push(MissingSecret {
        name: "stripe-key".to_owned(),
        why: "the variable `STRIPE_KEY` is not set".to_owned(),
        help: "set `STRIPE_KEY` where kcc runs".to_owned(),
    });
    let plan = plan(&docker, &observed);
    assert!(!plan.is_settled());
    let text = plan.to_text();
    let line = "! unknown secret  stripe-key  cannot tell whether it changed: the variable \
                `STRIPE_KEY` is not set\n      help: set `STRIPE_KEY` where kcc runs\n";
    assert!(text.ends_with(line), "{text}");
}
