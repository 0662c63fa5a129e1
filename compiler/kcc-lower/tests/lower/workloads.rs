//! What keeps the pods of a component running, and how a new version of them
//! replaces the old one.

use crate::support::{System, manifest, of_docker, of_kubernetes, service};
use kcc_model::{Component, Rollout, Share, Strategy};
use serde_json::{Value, json};

fn agent(rollout: Rollout) -> Component {
    let mut agent = service("agent");
    agent.every_node = true;
    agent.rollout = rollout;
    agent
}

fn strategy(rollout: Rollout) -> Value {
    let desired = System::kubernetes().with(agent(rollout)).desired();
    manifest(&desired, "DaemonSet", "agent")["spec"]["updateStrategy"]["rollingUpdate"].clone()
}

#[test]
fn one_on_every_machine_is_a_daemon_set() {
    let desired = System::kubernetes()
        .with(agent(Rollout::default()))
        .desired();
    let set = manifest(&desired, "DaemonSet", "agent");
    assert!(set["spec"].get("replicas").is_none());
    let labels = &set["spec"]["template"]["metadata"]["labels"];
    for (name, value) in set["spec"]["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&labels[name], value, "{name}");
    }
    let others = of_kubernetes(&desired).objects.iter();
    assert!(others.clone().all(|object| object.kind != "Deployment"));
    let docker = System::docker().with(agent(Rollout::default())).desired();
    assert_eq!(of_docker(&docker).containers.len(), 1);
}

#[test]
fn on_a_machine_either_the_new_one_or_the_old_one_comes_first() {
    let count = |surge, unavailable| Rollout {
        surge,
        unavailable,
        ..Rollout::default()
    };
    let both = |surge: Value, unavailable: Value| json!({"maxSurge": surge, "maxUnavailable": unavailable});
    let (one, none) = (Share::Count(1), Share::Count(0));
    for (rollout, expected) in [
        (count(None, None), both(json!(0), json!(1))),
        (count(Some(one), None), both(json!(1), json!(0))),
        (count(Some(none), None), both(json!(0), json!(1))),
        (count(None, Some(none)), both(json!(1), json!(0))),
        (
            count(None, Some(Share::Percent(25))),
            both(json!(0), json!("25%")),
        ),
        (
            Rollout {
                strategy: Some(Strategy::Recreate),
                ..Rollout::default()
            },
            both(json!(0), json!("100%")),
        ),
    ] {
        assert_eq!(strategy(rollout.clone()), expected, "{rollout:?}");
    }
}
