//! Tests which connections the shop's network policies allow, on a network that
//! enforces them.

use std::{net::TcpListener, process::Output, thread};

use crate::shop::Shop;

/// The public address of the machine, as assigned by `kubernetes-up`.
const PUBLIC: &str = "203.0.113.1";

/// A foreign program in a namespace of its own: it is called as an external
/// backing on one of its ports, and calls in.
const FOREIGN: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: ledger, namespace: NAMESPACE, labels: {app: ledger}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: redis, image: IMAGE, args: [serve, --listen, ":6379"], readinessProbe: {tcpSocket: {port: 6379}, periodSeconds: 1}}
  - {name: admin, image: IMAGE, args: [serve, --listen, ":6380"], readinessProbe: {tcpSocket: {port: 6380}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {name: ledger, namespace: NAMESPACE}
spec:
  selector: {app: ledger}
  ports: [{name: redis, port: 6379}, {name: admin, port: 6380}]
"#;

pub(crate) fn only_declared_connections_are_possible(shop: &Shop) {
    shop.generate_key();
    let others = ForeignNamespace::new(shop);
    let ledger = &others.namespace;
    shop.edit(
        "teams/payments/checkout.cue",
        "\t\targs: [\"serve\"]\n",
        &format!(
            "\t\targs: [\"serve\"]\n\t\tneeds: ledger: {{}}\n\t\tidentity: rules: pods: \
             {{groups: [\"\"], resources: [\"pods\"], verbs: [\"get\"]}}\n\t}}\n}}\n\
             backing: ledger: {{\n\tkind: \"redis\"\n\texternal: host: \"ledger.{ledger}\"\n}}\n\
             services: {{\n\tpayments: {{\n"
        ),
    );
    shop.apply();
    // Servers outside the cluster, only to have an address to connect to.
    let [private, public] =
        [&shop.testbed.machine(), PUBLIC].map(|address| TcpListener::bind((address, 0)).unwrap());
    let private = private.local_addr().unwrap().to_string();
    let public = public.local_addr().unwrap().to_string();
    let [web, cart] = ["web", "cart"].map(|name| format!("{name}.{}:8080", shop.name));
    let (redis, admin) = (
        format!("ledger.{ledger}:6379"),
        format!("ledger.{ledger}:6380"),
    );
    thread::scope(|all| {
        for (from, to, reached) in [
            // A declared need, and the rest of the system.
            ("web", "cart:8080", true),
            ("web", "payments:8080", false),
            ("cart", "carts:6379", true),
            ("cart", "orders:5432", false),
            // An external backing on its port, by whether it is needed.
            ("payments", &redis, true),
            ("payments", &admin, false),
            ("web", &redis, false),
            // A private address and a public one.
            ("web", &private, false),
            ("web", &public, true),
            // The cluster's own API, by whether there are permissions for it.
            ("payments", "kubernetes.default:443", true),
            ("web", "kubernetes.default:443", false),
            // From outside the system: only to a port with a route.
            ("ledger", &web, true),
            ("ledger", &cart, false),
        ] {
            let others = &others;
            all.spawn(move || {
                let dialled = if from == "ledger" {
                    others.dials(to, reached)
                } else {
                    dials(shop, &shop.name, &format!("deployment/{from}"), to, reached)
                };
                assert_eq!(
                    dialled.status.success(),
                    reached,
                    "{from} to {to}: {dialled:#?}"
                );
                // The network refuses it, not a missing name or server.
                let stderr = String::from_utf8_lossy(&dialled.stderr);
                assert!(
                    reached || stderr.contains("i/o timeout"),
                    "{from} to {to}: {stderr}"
                );
            });
        }
    });
}

/// Connects from a pod: repeatedly if it should succeed, otherwise once.
fn dials(shop: &Shop, namespace: &str, pod: &str, to: &str, patiently: bool) -> Output {
    let within = if patiently { "15s" } else { "0s" };
    let dial = ["/shop", "migrate", "--dial", to, "--within", within];
    let exec = [&["exec", "-n", namespace, pod, "--"][..], &dial].concat();
    shop.testbed.command(&exec).output().unwrap()
}

/// The namespace of the foreign program.
struct ForeignNamespace<'a> {
    shop: &'a Shop,
    namespace: String,
}

impl<'a> ForeignNamespace<'a> {
    fn new(shop: &'a Shop) -> Self {
        let namespace = format!("{}-others", shop.name);
        let others = Self { shop, namespace };
        let images = shop.images_of(&shop.name);
        let image = images.first().unwrap();
        let manifest = FOREIGN
            .replace("NAMESPACE", &others.namespace)
            .replace("IMAGE", image);
        let file = shop.path("others.yaml");
        std::fs::write(&file, manifest).unwrap();
        let testbed = &shop.testbed;
        testbed.kubectl(&["create", "namespace", &others.namespace]);
        testbed.kubectl(&["apply", "--filename", &file.display().to_string()]);
        let ready = [
            "wait",
            "--for=condition=Ready",
            "pod/ledger",
            "--timeout=60s",
        ];
        testbed.kubectl(&[&ready[..], &["-n", &others.namespace]].concat());
        others
    }

    fn dials(&self, to: &str, patiently: bool) -> Output {
        dials(self.shop, &self.namespace, "pod/ledger", to, patiently)
    }
}

impl Drop for ForeignNamespace<'_> {
    fn drop(&mut self) {
        let delete = ["delete", "namespace", &self.namespace, "--wait=false"];
        self.shop.testbed.try_kubectl(&delete);
    }
}
