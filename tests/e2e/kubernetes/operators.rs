//! Objects of others' kinds, as their makers define them: the cluster takes what
//! kcc writes, and what it fills in by itself is no difference.

use std::{fs, path::Path, process::Command, sync::Arc};

use crate::{
    bed::{Bed, run},
    support::System,
};

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

pub(crate) fn what_operators_define_is_taken_and_stays(bed: Arc<Bed>) {
    define(&bed);
    let copy = System::of(bed, "hello", "prod", "operators");
    let (bed, name) = (&copy.bed, copy.name.as_str());
    let objects = || objects(bed, name);
    let file = copy.path("kcc.cue");
    let text = fs::read_to_string(&file).unwrap() + &FRAGMENT.replace("NAME", name);
    fs::write(&file, text).unwrap();
    copy.stand_in();
    // What the operator makes of the ExternalSecret.
    bed.kubectl(&["create", "namespace", name]);
    let secret = [
        "create",
        "secret",
        "generic",
        "api-key",
        "--from-literal=value=x",
    ];
    bed.kubectl(&[&secret[..], &["-n", name]].concat());

    copy.comes_up_and_stays(|| assert_eq!(objects(), expected(&OBJECTS, name)));
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
    copy.done(&["down", "--target", "prod", "--yes", "--volumes"]);
    assert_eq!(objects(), [""; 0]);
}

fn expected(objects: &[&str], name: &str) -> Vec<String> {
    objects
        .iter()
        .map(|object| object.replace("NAME", name))
        .collect()
}

/// Brings the definitions to the cluster.
fn define(bed: &Bed) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = run(&mut Command::new(
        root.join("tests/testbed/custom-resources"),
    ));
    for file in files.lines() {
        bed.kubectl(&["apply", "--server-side", "--filename", file]);
        // A definition that is a moment old has no conditions, which this kind
        // of wait takes for a mistake.
        for until in ["jsonpath={.status.conditions}", "condition=Established"] {
            let until = format!("--for={until}");
            bed.kubectl(&["wait", &until, "--timeout=30s", "--filename", file]);
        }
    }
}

/// The objects of others' kinds in a namespace.
fn objects(bed: &Bed, namespace: &str) -> Vec<String> {
    let kinds = "externalsecrets,gateways,httproutes";
    let get = ["get", kinds, "-o", "name", "-n", namespace];
    bed.kubectl(&get).lines().map(str::to_owned).collect()
}
