//! Who reaches whom: the policies of the shop as the cluster's network holds
//! everybody to them.

use std::{net::TcpListener, process::Output, thread};

use crate::shop::Shop;

/// The addresses of the node, one private and one as on the internet, as
/// `kubernetes-up` gives them.
const NODE: &str = "10.90.0.1";
const PUBLIC: &str = "203.0.113.1";

/// Somebody else's program in a namespace of its own: it is called as an
/// external backing on one of its ports, and calls in.
const OTHERS: &str = r#"
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

pub(crate) fn only_what_is_declared_is_reached(shop: &Shop) {
    shop.generate_key();
    let others = Others::new(shop);
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
    // Servers on the node: what they are for is their address.
    let [private, public] = [NODE, PUBLIC].map(|address| TcpListener::bind((address, 0)).unwrap());
    let private = private.local_addr().unwrap().to_string();
    let public = public.local_addr().unwrap().to_string();
    let [web, cart] = ["web", "cart"].map(|name| format!("{name}.{}:8080", shop.name));
    let (redis, admin) = (
        format!("ledger.{ledger}:6379"),
        format!("ledger.{ledger}:6380"),
    );
    thread::scope(|all| {
        for (from, to, reached) in [
            // A need, and everything else of the system.
            ("web", "cart:8080", true),
            ("web", "payments:8080", false),
            ("cart", "carts:6379", true),
            ("cart", "orders:5432", false),
            // An external backing on its port, by who needs it.
            ("payments", &redis, true),
            ("payments", &admin, false),
            ("web", &redis, false),
            // What is private, and what is not.
            ("web", &private, false),
            ("web", &public, true),
            // The cluster's own API, by who may do something there.
            ("payments", "kubernetes.default:443", true),
            ("web", "kubernetes.default:443", false),
            // From outside of the system: nothing but a port with a route.
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
                // It is refused by the network, not for want of a name or a server.
                let said = String::from_utf8_lossy(&dialled.stderr);
                assert!(
                    reached || said.contains("i/o timeout"),
                    "{from} to {to}: {said}"
                );
            });
        }
    });
}

/// Connects from a pod: for some time where it should go well, else once.
fn dials(shop: &Shop, namespace: &str, pod: &str, to: &str, patiently: bool) -> Output {
    let within = if patiently { "15s" } else { "0s" };
    let dial = ["/shop", "migrate", "--dial", to, "--within", within];
    let exec = [&["exec", "-n", namespace, pod, "--"][..], &dial].concat();
    shop.bed.command(&exec).output().unwrap()
}

/// The namespace of the others.
struct Others<'a> {
    shop: &'a Shop,
    namespace: String,
}

impl<'a> Others<'a> {
    fn new(shop: &'a Shop) -> Self {
        let namespace = format!("{}-others", shop.name);
        let others = Self { shop, namespace };
        let image = &shop.built_images()[0];
        let manifest = OTHERS
            .replace("NAMESPACE", &others.namespace)
            .replace("IMAGE", image);
        let file = shop.path("others.yaml");
        std::fs::write(&file, manifest).unwrap();
        let bed = &shop.bed;
        bed.kubectl(&["create", "namespace", &others.namespace]);
        bed.kubectl(&["apply", "--filename", &file.display().to_string()]);
        let ready = [
            "wait",
            "--for=condition=Ready",
            "pod/ledger",
            "--timeout=60s",
        ];
        bed.kubectl(&[&ready[..], &["-n", &others.namespace]].concat());
        others
    }

    fn dials(&self, to: &str, patiently: bool) -> Output {
        dials(self.shop, &self.namespace, "pod/ledger", to, patiently)
    }
}

impl Drop for Others<'_> {
    fn drop(&mut self) {
        let delete = ["delete", "namespace", &self.namespace, "--wait=false"];
        self.shop.bed.try_kubectl(&delete);
    }
}
