//! Tests that changes outside kcc and unready containers never give "nothing to do".

use kcc_plan::FieldChange;

use super::*;
use crate::observed::Difference;

/// Returns action and cause of the only operation after a change to a container.
fn cause(component: &str, change: impl Fn(&mut ObservedContainer)) -> String {
    let docker = shop();
    let mut observed = as_desired(&docker);
    change(existing(&mut observed, component));
    let plan = plan(&docker, &observed);
    let mut operations = plan.operations();
    let text = operations
        .next()
        .map(|o| format!("{} {}", o.action.as_str(), o.cause));
    assert!(operations.next().is_none(), "{}", plan.to_text());
    text.unwrap_or_default()
}

#[test]
fn describes_a_changed_setting_with_desired_and_live_value() {
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
    // Without recorded settings the live ones are accepted.
    let text = cause("web", |web| {
        web.recorded = None;
        web.settings = json!({"Memory": 1});
    });
    assert_eq!(text, "");
    // A completed job ignores its settings.
    assert_eq!(cause("migrate", |job| job.settings = json!({})), "");
}

#[test]
fn names_changed_secrets_and_variables_without_values() {
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
        web.process.changes.push(Difference {
            text: "variable `DEBUG` was added".to_owned(),
            change: FieldChange {
                path: "env.DEBUG".to_owned(),
                live: None,
                desired: Some(Value::Null),
            },
        });
    };
    assert_eq!(
        cause("web", added),
        "replace variable `DEBUG` was added (changed outside kcc)"
    );
}

#[test]
fn names_changed_networks() {
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
        "replace missing alias `web` on network `shop-dev`"
    );
    let more = |web: &mut ObservedContainer| {
        web.networks
            .insert("other".to_owned(), Attachment::default());
    };
    assert_eq!(
        cause("web", more),
        "replace connected to network `other` outside kcc"
    );
}

#[test]
fn reports_an_unready_container() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    let cause = Cause::new("exit-code", "crash loop: exit code 3");
    let failed = Readiness::Failed(cause);
    observed.readiness.insert("shop-dev-web".to_owned(), failed);
    observed
        .readiness
        .insert("shop-dev-db".to_owned(), Readiness::Ready);
    let plan = plan(&docker, &observed);
    assert!(plan.is_empty() && !plan.is_up_to_date());
    assert_eq!(
        plan.to_text(),
        "shop in dev: 1 not ready, 8 objects unchanged\n\n  \
         ! not ready container  shop-dev-web  crash loop: exit code 3 [storefront]\n"
    );
}

#[test]
fn repeats_the_last_failure_in_the_next_cause() {
    let mut docker = shop();
    let mut observed = as_desired(&docker);
    let why = "the new `shop-dev-web` is not ready: crash loop: exit code 3".to_owned();
    let unapplied = &mut observed.unapplied.components;
    unapplied.insert("web".to_owned(), why);
    // A component that is as desired needs no new attempt.
    assert!(plan(&docker, &observed).is_up_to_date());
    wanted(&mut docker, "web").args = Some(vec!["serve".to_owned()]);
    check(
        &docker,
        &observed,
        &[
            "± replace container  shop-dev-web  `args` changed (the last apply failed: the new \
           `shop-dev-web` is not ready: crash loop: exit code 3) [storefront]",
            "args: none → [\"serve\"]",
        ],
    );
}

#[test]
fn reports_a_secret_that_cannot_be_compared() {
    let docker = shop();
    let mut observed = as_desired(&docker);
    observed.missing_secrets.push(MissingSecret {
        name: "stripe-key".to_owned(),
        why: "variable `STRIPE_KEY` is not set".to_owned(),
        help: "set `STRIPE_KEY` where kcc runs".to_owned(),
    });
    let plan = plan(&docker, &observed);
    assert!(!plan.is_up_to_date());
    let text = plan.to_text();
    let line = "! unknown secret  stripe-key  cannot tell if it changed: variable \
                `STRIPE_KEY` is not set\n      help: set `STRIPE_KEY` where kcc runs\n";
    assert!(text.ends_with(line), "{text}");
}
