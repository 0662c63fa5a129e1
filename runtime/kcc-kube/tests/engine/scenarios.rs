//! The failures that are recorded on a real cluster, one scenario for each.

use serde_json::{Value, json};

/// An image with a shell and its tools, whose user has no name.
pub(crate) const TOOLS: &str = "kcc-e2e-tools:1";
/// A repository whose only image is for another platform.
pub(crate) const BROKEN_PLATFORM: &str = "acme/arm-only";

/// The scenarios that run together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Beside each other, on the node as it is.
    Together,
    /// While the node has a taint.
    Tainted,
    /// While the node is cordoned.
    Cordoned,
}

/// A failure, and the objects that cause it.
pub(crate) struct Scenario {
    /// The cause, and after a dot which of its recordings it is.
    pub(crate) name: &'static str,
    pub(crate) objects: Vec<Value>,
    /// The commands of kubectl that bring the failure about.
    pub(crate) commands: Vec<&'static str>,
    /// The declared needs: a component, another one, and the state that it needs.
    pub(crate) needs: Vec<(&'static str, &'static str, &'static str)>,
    /// The declared components that do not exist, because what they need is not ready.
    pub(crate) absent: Vec<&'static str>,
    pub(crate) namespace_labels: Vec<(&'static str, &'static str)>,
    /// The objects that are in no namespace, to remove them.
    pub(crate) cluster_wide: Vec<&'static str>,
    pub(crate) phase: Phase,
}

impl Scenario {
    pub(crate) fn namespace(&self) -> String {
        format!("cause-{}", self.name.replace('.', "-"))
    }

    fn needs(mut self, component: &'static str, other: &'static str, until: &'static str) -> Self {
        self.needs.push((component, other, until));
        self
    }

    /// Declares a component that waits for another one and therefore does not exist.
    fn absent(self, component: &'static str, other: &'static str) -> Self {
        let mut scenario = self.needs(component, other, "healthy");
        scenario.absent.push(component);
        scenario
    }

    fn run(mut self, command: &'static str) -> Self {
        self.commands.push(command);
        self
    }

    fn label(mut self, name: &'static str, value: &'static str) -> Self {
        self.namespace_labels.push((name, value));
        self
    }

    fn cluster_wide(mut self, object: &'static str) -> Self {
        self.cluster_wide.push(object);
        self
    }

    fn phase(mut self, phase: Phase) -> Self {
        self.phase = phase;
        self
    }
}

fn scenario(name: &'static str, objects: impl Into<Vec<Value>>) -> Scenario {
    Scenario {
        name,
        objects: objects.into(),
        commands: Vec::new(),
        needs: Vec::new(),
        absent: Vec::new(),
        namespace_labels: Vec::new(),
        cluster_wide: Vec::new(),
        phase: Phase::Together,
    }
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Returns a workload of a component with one container.
fn workload(kind: &str, name: &str, container: Value, pod: Value, spec: Value) -> Value {
    let mut main = json!({"name": name, "image": TOOLS, "imagePullPolicy": "IfNotPresent"});
    merge(&mut main, container);
    let mut template = json!({
        "metadata": {"labels": {"app.kubernetes.io/name": name}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": false,
            "containers": [main],
        },
    });
    merge(&mut template["spec"], pod);
    let job = kind == "Job";
    let mut object = json!({
        "apiVersion": if job { "batch/v1" } else { "apps/v1" },
        "kind": kind,
        "metadata": {"name": name, "labels": {
            "app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "kcc",
        }},
        "spec": {"template": template},
    });
    if job {
        object["spec"]["backoffLimit"] = json!(0);
        object["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
    } else {
        object["spec"]["selector"] = json!({"matchLabels": {"app.kubernetes.io/name": name}});
        object["spec"]["replicas"] = json!(1);
    }
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = json!(name);
    }
    merge(&mut object["spec"], spec);
    object
}

fn service(name: &str, container: Value) -> Value {
    workload("Deployment", name, container, json!({}), json!({}))
}

/// Returns a service whose pod has further settings.
fn pod(name: &str, pod: Value) -> Value {
    workload("Deployment", name, json!({}), pod, json!({}))
}

fn job(name: &str, container: Value, spec: Value) -> Value {
    workload("Job", name, container, json!({}), spec)
}

fn shell(script: &str) -> Value {
    json!({"command": ["/bin/sh", "-c", script]})
}

/// Returns a service that runs a script.
fn script(name: &str, script: &str) -> Value {
    service(name, shell(script))
}

/// Returns a service that gives up at once because another one does not answer.
fn caller(name: &str, other: &str) -> Value {
    script(
        name,
        &format!("echo \"dial tcp: connect to {other}:8080: connection refused\" >&2; exit 1"),
    )
}

fn claim(name: &str, spec: Value) -> Value {
    let mut all = json!({
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
    });
    merge(&mut all, spec);
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": name}, "spec": all,
    })
}

/// Returns a service that mounts a volume.
fn mounting(name: &str, volume: Value) -> Value {
    let mut source = json!({"name": "data"});
    merge(&mut source, volume);
    let mount = json!({"volumeMounts": [{"name": "data", "mountPath": "/data"}]});
    workload(
        "Deployment",
        name,
        mount,
        json!({"volumes": [source]}),
        json!({}),
    )
}

fn variable(source: &Value) -> Value {
    json!({"env": [{"name": "KEY", "valueFrom": source}]})
}

fn object(api_version: &str, kind: &str, name: &str, fields: Value) -> Value {
    let mut object = json!({
        "apiVersion": api_version, "kind": kind, "metadata": {"name": name},
    });
    merge(&mut object, fields);
    object
}

fn probed(name: &str, script: &str, probe: Value) -> Value {
    let mut container = shell(script);
    container["readinessProbe"] = json!({"periodSeconds": 2});
    merge(&mut container["readinessProbe"], probe);
    service(name, container)
}

const SERVE: &str = "httpd -f -p 8080 -h /";

/// Returns all scenarios; the two registries are one without and one with logins.
#[allow(clippy::too_many_lines, reason = "it is a list")]
pub(crate) fn scenarios(open: &str, locked: &str) -> Vec<Scenario> {
    let image = |name: &str, image: &str| service(name, json!({"image": image}));
    vec![
        // Images.
        scenario("image-not-found", [image("payments", &format!("{open}/acme/payments:9"))])
            .absent("checkout", "payments"),
        scenario("image-not-found.job", [job("migrate", json!({"image": format!("{open}/acme/migrate:2")}), json!({}))])
            .absent("web", "migrate"),
        scenario("image-refused", [image("payments", &format!("{locked}/acme/payments:9"))])
            .absent("checkout", "payments"),
        scenario("registry-not-found", [image("payments", "registry.invalid/acme/payments:9")]),
        scenario("registry-unreachable", [image("payments", "127.0.0.1:9/acme/payments:9")]),
        scenario("image-name-invalid", [image("payments", "Acme/payments:9")]),
        scenario("image-never-pulled", [service("payments", json!({"image": "acme/local:1", "imagePullPolicy": "Never"}))]),
        scenario("image-platform", [image("payments", &format!("{open}/{BROKEN_PLATFORM}:1"))])
            .absent("checkout", "payments"),
        scenario("image-user", [service("payments", json!({
            "image": "kcc-e2e-tools-root:1", "securityContext": {"runAsNonRoot": true},
        }))]),
        // References of a container.
        scenario("secret-missing", [service("payments", variable(&json!({"secretKeyRef": {"name": "stripe", "key": "api"}})))])
            .absent("checkout", "payments"),
        scenario("secret-missing.volume", [mounting("payments", json!({"secret": {"secretName": "stripe"}}))]),
        scenario("secret-key-missing", [
            object("v1", "Secret", "stripe", json!({"stringData": {"public": "s3cr3t-value", "webhook": "s3cr3t-other"}})),
            service("payments", variable(&json!({"secretKeyRef": {"name": "stripe", "key": "api"}}))),
        ]),
        scenario("config-map-missing", [service("payments", variable(&json!({"configMapKeyRef": {"name": "rates", "key": "eur"}})))]),
        scenario("config-map-missing.volume", [mounting("payments", json!({"configMap": {"name": "rates"}}))])
            .absent("checkout", "payments"),
        scenario("config-map-key-missing", [
            object("v1", "ConfigMap", "rates", json!({"data": {"usd": "1", "chf": "2"}})),
            service("payments", variable(&json!({"configMapKeyRef": {"name": "rates", "key": "eur"}}))),
        ]),
        scenario("config-map-key-missing.volume", [
            object("v1", "ConfigMap", "rates", json!({"data": {"usd": "1"}})),
            mounting("payments", json!({"configMap": {"name": "rates", "items": [{"key": "eur", "path": "eur"}]}})),
        ]),
        scenario("service-account-missing", [pod("payments", json!({"serviceAccountName": "payer"}))])
            .absent("checkout", "payments"),
        scenario("host-path-missing", [mounting("payments", json!({"hostPath": {"path": "/srv/none", "type": "Directory"}}))]),
        // Claims.
        scenario("claim-missing", [mounting("db", json!({"persistentVolumeClaim": {"claimName": "data"}}))])
            .absent("payments", "db").absent("checkout", "payments"),
        scenario("storage-class-missing", [
            claim("data", json!({"storageClassName": "fast"})),
            mounting("db", json!({"persistentVolumeClaim": {"claimName": "data"}})),
        ]).absent("payments", "db"),
        scenario("volume-missing", [
            claim("data", json!({"storageClassName": "local", "resources": {"requests": {"storage": "900Ti"}}})),
            mounting("db", json!({"persistentVolumeClaim": {"claimName": "data"}})),
        ]),
        scenario("volume-access-mode", [
            claim("data", json!({"storageClassName": "local", "accessModes": ["ReadWriteOncePod"]})),
            mounting("db", json!({"persistentVolumeClaim": {"claimName": "data"}})),
        ]).absent("payments", "db"),
        scenario("claim-volume-missing", [
            claim("data", json!({"storageClassName": "local", "volumeName": "gone"})),
            mounting("db", json!({"persistentVolumeClaim": {"claimName": "data"}})),
        ]),
        // Scheduling.
        scenario("node-labels", [pod("payments", json!({"nodeSelector": {"kubernetes.io/arch": "arm64"}}))])
            .absent("checkout", "payments"),
        scenario("node-labels.affinity", [pod("payments", json!({"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "disk", "operator": "In", "values": ["ssd", "nvme"]},
            ]}]},
        }}}))]),
        scenario("pod-affinity", [pod("payments", json!({"affinity": {"podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{
                "topologyKey": "kubernetes.io/hostname",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "ledger"}},
            }],
        }}}))]),
        scenario("pod-anti-affinity", [workload("Deployment", "payments", json!({}), json!({"affinity": {"podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{
                "topologyKey": "kubernetes.io/hostname",
                "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "payments"}},
            }],
        }}}), json!({"replicas": 2}))]),
        scenario("topology-spread", [pod("payments", json!({"topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "payments"}},
        }]}))]),
        scenario("node-resources", [service("payments", json!({"resources": {"requests": {"cpu": "64"}}}))])
            .absent("checkout", "payments"),
        scenario("node-resources.memory", [service("payments", json!({"resources": {"requests": {"memory": "900Gi"}}}))]),
        scenario("node-resources.device", [service("payments", json!({"resources": {"limits": {"nvidia.com/gpu": "1"}}}))]),
        scenario("host-port-taken", [workload("Deployment", "payments",
            json!({"ports": [{"containerPort": 8080, "hostPort": 18080}]}), json!({}), json!({"replicas": 2}))]),
        scenario("node-tainted", [service("payments", json!({}))])
            .absent("checkout", "payments").phase(Phase::Tainted),
        scenario("node-cordoned", [service("payments", json!({}))]).phase(Phase::Cordoned),
        scenario("node-lost", [
            object("v1", "Node", "ghost", json!({"metadata": {"labels": {"kubernetes.io/hostname": "ghost"}}})),
            pod("payments", json!({"nodeName": "ghost"})),
        ]).absent("checkout", "payments").cluster_wide("node/ghost"),
        scenario("priority-class-missing", [pod("payments", json!({"priorityClassName": "urgent"}))]),
        scenario("runtime-class-missing", [pod("payments", json!({"runtimeClassName": "gvisor"}))]),
        scenario("sandbox-refused", [
            object("node.k8s.io/v1", "RuntimeClass", "kcc-cause", json!({"handler": "gvisor"})),
            pod("payments", json!({"runtimeClassName": "kcc-cause"})),
        ]).cluster_wide("runtimeclass/kcc-cause"),
        // Admission.
        scenario("quota-exceeded", [
            object("v1", "ResourceQuota", "small", json!({"spec": {"hard": {"requests.memory": "64Mi"}}})),
            service("payments", json!({"resources": {"requests": {"memory": "128Mi"}}})),
        ]).absent("checkout", "payments"),
        scenario("quota-exceeded.unset", [
            object("v1", "ResourceQuota", "small", json!({"spec": {"hard": {"requests.memory": "64Mi"}}})),
            workload("StatefulSet", "payments", json!({}), json!({}), json!({})),
        ]),
        scenario("limit-range", [
            object("v1", "LimitRange", "sizes", json!({"spec": {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]}})),
            service("payments", json!({"resources": {"limits": {"memory": "128Mi"}}})),
        ]),
        scenario("pod-security", [service("payments", json!({"securityContext": {"privileged": true}}))])
            .label("pod-security.kubernetes.io/enforce", "restricted").absent("checkout", "payments"),
        scenario("webhook-unreachable", [
            object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "kcc-cause", json!({"webhooks": [{
                "name": "pods.example.com",
                "clientConfig": {"url": "https://127.0.0.1:9/check"},
                "namespaceSelector": {"matchLabels": {"kcc-cause": "webhook"}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 2,
            }]})),
            service("payments", json!({})),
        ]).label("kcc-cause", "webhook").cluster_wide("validatingwebhookconfiguration/kcc-cause"),
        scenario("admission-refused", [
            object("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "no-latest.example.com", json!({"spec": {
                "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]},
                "validations": [{"expression": "object.spec.containers.all(c, c.name != 'payments')", "message": "images must come from registry.acme.internal"}],
            }})),
            object("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "no-latest.example.com", json!({"spec": {
                "policyName": "no-latest.example.com", "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": {"matchLabels": {"kcc-cause": "policy"}}},
            }})),
            service("payments", json!({})),
        ]).label("kcc-cause", "policy")
            .cluster_wide("validatingadmissionpolicybinding/no-latest.example.com")
            .cluster_wide("validatingadmissionpolicy/no-latest.example.com"),
        // Containers that end.
        scenario("exit-code", [script("payments", "echo 'panic: invalid rate table' >&2; exit 3")])
            .absent("checkout", "payments"),
        scenario("exit-code.caller", [
            script("payments", "echo 'panic: invalid rate table' >&2; exit 3"),
            caller("checkout", "payments"),
        ]).needs("checkout", "payments", "healthy"),
        scenario("exit-success", [script("payments", "echo done")]),
        scenario("program-missing", [service("payments", json!({"command": ["/app/serve"]}))])
            .absent("checkout", "payments"),
        scenario("program-not-executable", [service("payments", json!({"command": ["/notes.txt"]}))]),
        scenario("command-not-found", [script("payments", "serve --port 8080")]),
        scenario("command-not-executable", [script("payments", "/notes.txt")]),
        scenario("program-platform", [
            object("v1", "ConfigMap", "program", json!({"binaryData": {"serve": "f0VMRgIBAQAAAAAAAAAAAAIAtwABAAAA"}})),
            workload("Deployment", "payments",
                json!({"command": ["/app/serve"], "volumeMounts": [{"name": "app", "mountPath": "/app"}]}),
                json!({"volumes": [{"name": "app", "configMap": {"name": "program", "defaultMode": 493}}]}), json!({})),
        ]).absent("checkout", "payments"),
        scenario("out-of-memory", [service("payments", json!({
            "command": ["/bin/sh", "-c", "x=x; while true; do x=$x$x; done"],
            "resources": {"limits": {"memory": "16Mi"}},
        }))]).absent("checkout", "payments"),
        scenario("killed", [script("payments", "sleep 1; exit 137")]),
        scenario("crashed", [script("payments", "sh -c 'kill -SEGV $$$$'; exit $?")]),
        scenario("read-only-file-system", [service("payments", json!({
            "command": ["/bin/sh", "-c", "echo x > /tmp/cache"],
            "securityContext": {"readOnlyRootFilesystem": true},
        }))]),
        scenario("permission-denied", [script("payments", "echo x > /etc-cache")]).absent("checkout", "payments"),
        scenario("port-in-use", [script("payments", "nc -l -p 8080 & sleep 1; httpd -f -p 8080")]),
        scenario("name-not-resolved", [script("payments", "echo \"dial tcp: lookup ledger.shop.svc: no such host\" >&2; exit 1")]),
        scenario("disk-full", [script("payments", "echo 'write /data/wal: no space left on device' >&2; exit 1")]),
        scenario("exit-code.init-step", [workload("Deployment", "payments", json!({}), json!({"initContainers": [{
            "name": "schema", "image": TOOLS, "command": ["/bin/sh", "-c", "echo 'table rates already exists' >&2; exit 4"],
        }]}), json!({}))]).absent("checkout", "payments"),
        scenario("init-step-running", [workload("Deployment", "payments", json!({}), json!({"initContainers": [{
            "name": "schema", "image": TOOLS, "command": ["/bin/sh", "-c", "sleep 3600"],
        }]}), json!({}))]).absent("checkout", "payments"),
        scenario("hook-failed", [service("payments", json!({"lifecycle": {"postStart": {"exec": {"command": ["/bin/sh", "-c", "exit 9"]}}}}))]),
        // Probes.
        scenario("probe-status", [probed("payments", SERVE, json!({"httpGet": {"path": "/healthz", "port": 8080}}))])
            .absent("checkout", "payments"),
        scenario("probe-status.callers", [
            probed("ledger", SERVE, json!({"httpGet": {"path": "/healthz", "port": 8080}})),
            probed("payments", SERVE, json!({"httpGet": {"path": "/ready", "port": 8080}})),
            caller("checkout", "payments"),
        ]).needs("checkout", "payments", "healthy"),
        scenario("probe-port-closed", [probed("payments", "sleep 3600", json!({"httpGet": {"path": "/healthz", "port": 8080}}))])
            .absent("checkout", "payments"),
        scenario("probe-port-closed.tcp", [probed("payments", SERVE, json!({"tcpSocket": {"port": 9090}}))]),
        scenario("probe-timeout", [probed("payments", "busybox mkfifo /dev/shm/slow; httpd -f -p 8080 -h /dev/shm", json!({"httpGet": {"path": "/slow", "port": 8080}}))]),
        scenario("probe-command", [probed("payments", "sleep 3600", json!({"exec": {"command": ["/bin/sh", "-c", "echo s3cr3t-value; exit 1"]}}))]),
        scenario("probe-command-missing", [probed("payments", "sleep 3600", json!({"exec": {"command": ["pg_isready"]}}))]),
        scenario("liveness-failing", [{
            let mut container = shell(SERVE);
            container["livenessProbe"] = json!({"httpGet": {"path": "/live", "port": 8080}, "periodSeconds": 1, "failureThreshold": 1});
            container["readinessProbe"] = json!({"httpGet": {"path": "/live", "port": 8080}, "periodSeconds": 1});
            service("payments", container)
        }]).absent("checkout", "payments"),
        scenario("startup-failing", [{
            let mut container = shell("sleep 3600");
            container["startupProbe"] = json!({"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 3});
            service("payments", container)
        }]),
        // Pods and workloads.
        scenario("evicted", [{
            let mut container = shell("dd if=/dev/zero of=/data/file bs=1000000 count=30; sleep 3600");
            container["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
            let volumes = json!({"volumes": [{"name": "data", "emptyDir": {"sizeLimit": "1Mi"}}]});
            workload("Job", "migrate", container, volumes, json!({}))
        }]).absent("web", "migrate"),
        scenario("rollout-paused", [workload("Deployment", "payments", json!({}), json!({}), json!({"paused": true}))])
            .absent("checkout", "payments"),
        scenario("terminating", [workload("StatefulSet", "payments", json!({}), json!({}), json!({}))])
            .run("patch pod payments-0 --type=merge -p {\"metadata\":{\"finalizers\":[\"example.com/backup\"]}}")
            .run("delete pod payments-0 --wait=false"),
        scenario("job-failed", [job("migrate", shell("echo 'no table rates' >&2; exit 5"), json!({}))])
            .absent("web", "migrate"),
        scenario("job-deadline", [job("migrate", shell("sleep 3600"), json!({"activeDeadlineSeconds": 5}))]).absent("web", "migrate"),
        scenario("job-suspended", [job("migrate", shell("sleep 1"), json!({"suspend": true}))]).absent("web", "migrate"),
    ]
}
