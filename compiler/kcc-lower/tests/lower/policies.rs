//! Tests network policies: connections between components and out of the system.

use std::collections::BTreeMap;

use kcc_lower::Desired;
use kcc_model::{AccessRule, Component, Kind, Output, Permissions, Route, Until};
use serde_json::{Value, json};

use crate::support::{
    ComponentExt as _, System, backing, cron_job, job, manifest, of_kubernetes, service,
};

/// Returns the spec of a policy.
fn policy(desired: &Desired, name: &str) -> Value {
    manifest(desired, "NetworkPolicy", name)["spec"].clone()
}

/// Returns a rule's peers, as component names or ranges; `*` is everybody.
fn peers(rule: &Value, side: &str) -> Vec<String> {
    let Some(peers) = rule[side].as_array() else {
        return vec!["*".to_owned()];
    };
    let name = |peer: &Value| {
        let name = &peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"];
        let range = &peer["ipBlock"]["cidr"];
        let name = name.as_str().or_else(|| range.as_str());
        name.expect("a component or a range").to_owned()
    };
    peers.iter().map(name).collect()
}

/// Returns all rules of one direction as `PEERS: PORTS`.
fn rules(desired: &Desired, name: &str, direction: &str, side: &str) -> Vec<String> {
    let policy = policy(desired, name);
    let Some(rules) = policy.get(direction) else {
        return Vec::new();
    };
    let rules = rules.as_array().expect("rules");
    assert!(
        !rules.is_empty(),
        "expected no list instead of an empty one"
    );
    let listed = policy["policyTypes"].as_array().expect("directions");
    let listed = listed
        .iter()
        .any(|one| one.as_str().map(str::to_lowercase).as_deref() == Some(direction));
    assert!(listed, "{policy:#}");
    let text = |rule: &Value| {
        let ports: Vec<_> = rule["ports"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|port| {
                format!(
                    "{}/{}",
                    port["port"],
                    port["protocol"].as_str().unwrap_or("")
                )
            })
            .collect();
        format!("{}: {}", peers(rule, side).join(" "), ports.join(" "))
    };
    rules.iter().map(text).collect()
}

fn from(desired: &Desired, name: &str) -> Vec<String> {
    rules(desired, name, "ingress", "from")
}

fn to(desired: &Desired, name: &str) -> Vec<String> {
    rules(desired, name, "egress", "to")
}

/// Builds an external database on a host.
fn outside(name: &str, host: &str) -> Component {
    let mut outside = backing(name, "postgres").port("main", 5432);
    outside.kind = Kind::Backing {
        kind: "postgres".to_owned(),
        outputs: BTreeMap::from([("host".to_owned(), Output::Text(host.to_owned()))]),
        external: true,
    };
    outside
}

fn has_policy(desired: &Desired, name: &str) -> bool {
    let mut objects = of_kubernetes(desired).objects.iter();
    objects.any(|object| object.kind == "NetworkPolicy" && object.name == name)
}

#[test]
fn denies_all_traffic_except_dns_and_public_addresses() {
    let desired = System::kubernetes().with(service("web")).desired();
    let closed = policy(&desired, "shop-dev-closed");
    assert_eq!(closed["policyTypes"], json!(["Ingress", "Egress"]));
    assert!(closed.get("ingress").is_none());
    assert_eq!(
        closed["podSelector"]["matchLabels"],
        json!({"app.kubernetes.io/part-of": "shop", "app.kubernetes.io/instance": "dev"}),
        "every pod of the target, whatever runs in it"
    );
    assert_eq!(
        to(&desired, "shop-dev-closed"),
        ["*: 53/UDP 53/TCP", "0.0.0.0/0 ::/0: "]
    );
    let blocks = closed["egress"][1]["to"].as_array().expect("blocks");
    let private = [
        &[
            "10.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.168.0.0/16",
        ][..],
        &["fc00::/7", "fe80::/10"],
    ];
    for (block, private) in blocks.iter().zip(private) {
        for range in private {
            let except = block["ipBlock"]["except"].as_array().expect("ranges");
            assert!(except.contains(&json!(range)), "{range}: {block}");
        }
    }
    assert!(
        !has_policy(&desired, "web"),
        "expected no policy of its own"
    );
}

#[test]
fn a_need_allows_both_directions() {
    let desired = System::kubernetes()
        .with(
            service("web")
                .port("http", 8080)
                .needs("orders", Until::Started),
        )
        .with(job("migrate", 1).needs("orders", Until::Started))
        .with(
            cron_job("report", "@daily")
                .needs("orders", Until::Started)
                .needs("migrate", Until::Completed),
        )
        .with(service("orders").port("http", 5432).port("metrics", 9187))
        .desired();
    assert_eq!(
        from(&desired, "orders"),
        ["migrate report web: 5432/TCP 9187/TCP"]
    );
    assert!(to(&desired, "orders").is_empty());
    for name in ["web", "migrate", "report"] {
        assert_eq!(to(&desired, name), ["orders: 5432/TCP 9187/TCP"], "{name}");
        assert!(from(&desired, name).is_empty(), "{name}");
    }
}

#[test]
fn a_route_allows_everybody_on_its_port() {
    let mut web = service("web").port("http", 8080).port("admin", 9000);
    let route = Route {
        host: "shop.example.com".to_owned(),
        path: "/".to_owned(),
        port: "http".to_owned(),
        tls: None,
    };
    web.routes.insert("shop".to_owned(), route);
    let desired = System::kubernetes().with(web).desired();
    assert_eq!(from(&desired, "web"), ["*: 8080/TCP"]);
}

#[test]
fn stateful_replicas_can_connect_to_each_other() {
    let mut orders = backing("orders", "postgres").port("sql", 5432);
    orders.stateful = true;
    let one = System::kubernetes().with(orders.clone()).desired();
    assert!(!has_policy(&one, "orders"));
    orders.replicas = 3;
    let three = System::kubernetes().with(orders).desired();
    assert_eq!(from(&three, "orders"), ["orders: 5432/TCP"]);
    assert_eq!(to(&three, "orders"), ["orders: 5432/TCP"]);
}

#[test]
fn an_external_backing_is_reachable_only_with_a_need() {
    let needs = |host: &str| {
        let desired = System::kubernetes()
            .with(outside("orders", host))
            .with(service("web").needs("orders", Until::Started))
            .with(service("other"))
            .desired();
        assert!(!has_policy(&desired, "other"));
        assert!(
            !has_policy(&desired, "orders"),
            "an external backing has no pod"
        );
        to(&desired, "web").join(", ")
    };
    assert_eq!(needs("orders.db.internal"), "*: 5432/TCP");
    assert_eq!(needs("10.0.0.7"), "10.0.0.7/32: 5432/TCP");
    assert_eq!(needs("fd00:0::7"), "fd00::7/128: 5432/TCP");
}

#[test]
fn a_need_without_port_and_address_allows_nothing() {
    let mut orders = outside("orders", "orders.db.internal");
    orders.ports.clear();
    let web = || service("web").needs("orders", Until::Started);
    let desired = System::kubernetes().with(orders).with(web()).desired();
    assert!(!has_policy(&desired, "web"));
    let mut orders = outside("orders", "10.0.0.7");
    orders.ports.clear();
    let desired = System::kubernetes().with(orders).with(web()).desired();
    assert_eq!(to(&desired, "web"), ["10.0.0.7/32: "]);
}

#[test]
fn a_component_with_permissions_can_reach_the_api_server() {
    let mut agent = service("agent");
    agent.identity.rules.insert(
        "pods".to_owned(),
        AccessRule {
            permissions: Permissions {
                groups: vec![String::new()],
                resources: vec!["pods".to_owned()],
                verbs: vec!["get".to_owned()],
            },
            cluster: false,
        },
    );
    let desired = System::kubernetes().with(agent).desired();
    assert_eq!(to(&desired, "agent"), ["*: 443/TCP 6443/TCP"]);
}
