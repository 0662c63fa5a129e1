//! Tests custom resources with their makers' definitions: the cluster accepts the
//! objects, and fields that it fills in are not a difference.

use std::{fs, process::Command, sync::Arc};

use kcc_test_engines::{
    System,
    kubernetes::{Testbed, run},
};
use kcc_test_support::root;

const FRAGMENT: &str = r#"
system: targets: {
	dev: docker: {}
	prod: kubernetes: {namespace: "NAME", routes: "gateway", gatewayClass: "public"}
}

on: prod: {
	services: web: {
		routes: {
			shop: {host: "shop.example.com", tls: secret: "cert"}
			status: {host: "status.example.com"}
		}
		env: API_KEY: secret: "api-key"
	}
	secrets: {
		cert: kubernetes: {name: "shop-cert", key: "tls.crt"}
		"api-key": external: {store: "vault", key: "web/api"}
	}
}
"#;

const STATUS: &str = "status: {host: \"status.example.com\"}";
const MOVED: &str = "status: {host: \"status.example.com\", path: \"/v2\"}";

const OBJECTS: [&str; 4] = [
    "externalsecret.external-secrets.io/api-key",
    "gateway.gateway.networking.k8s.io/NAME",
    "httproute.gateway.networking.k8s.io/web-shop",
    "httproute.gateway.networking.k8s.io/web-status",
];

pub(crate) fn custom_resources_are_accepted_and_stable(testbed: Arc<Testbed>) {
    define(&testbed);
    let copy = System::of(testbed, "hello", "prod", "operators");
    let (testbed, name) = (&copy.testbed, copy.name.as_str());
    let objects = || objects(testbed, name);
    let file = copy.path("kcc.cue");
    let text = fs::read_to_string(&file).unwrap() + &FRAGMENT.replace("NAME", name);
    fs::write(&file, text).unwrap();
    copy.stand_in();
    // The Secret that the operator would create from the ExternalSecret.
    testbed.kubectl(&["create", "namespace", name]);
    let secret = [
        "create",
        "secret",
        "generic",
        "api-key",
        "--from-literal=value=x",
    ];
    testbed.kubectl(&[&secret[..], &["-n", name]].concat());

    copy.comes_up_and_is_stable(|| assert_eq!(objects(), expected(&OBJECTS, name)));
    copy.edit("kcc.cue", STATUS, MOVED);
    copy.edit("kcc.cue", "\"web/api\"", "\"web/api-2\"");
    let changed: Vec<_> = copy
        .plan()
        .iter()
        .map(|operation| operation["name"].clone())
        .collect();
    assert_eq!(changed, ["api-key", "web-status"]);
    copy.apply();
    assert!(copy.plan().is_empty());
    copy.edit("kcc.cue", MOVED, "");
    copy.apply();
    assert_eq!(objects(), expected(&OBJECTS[..3], name));
    copy.run_ok(&["down", "--target", "prod", "--yes", "--volumes"]);
    assert_eq!(objects(), [""; 0]);
}

fn expected(objects: &[&str], name: &str) -> Vec<String> {
    objects
        .iter()
        .map(|object| object.replace("NAME", name))
        .collect()
}

/// Applies the definitions to the cluster.
fn define(testbed: &Testbed) {
    let files = run(&mut Command::new(
        root().join("tests/testbed/custom-resources"),
    ));
    for file in files.lines() {
        testbed.kubectl(&["apply", "--server-side", "--filename", file]);
        // A brand-new definition has no conditions, which this kind of wait treats
        // as an error.
        for until in ["jsonpath={.status.conditions}", "condition=Established"] {
            let until = format!("--for={until}");
            testbed.kubectl(&["wait", &until, "--timeout=30s", "--filename", file]);
        }
    }
}

/// Lists the custom resources in a namespace.
fn objects(testbed: &Testbed, namespace: &str) -> Vec<String> {
    let kinds = "externalsecrets,gateways,httproutes";
    let get = ["get", kinds, "-o", "name", "-n", namespace];
    testbed.kubectl(&get).lines().map(str::to_owned).collect()
}
