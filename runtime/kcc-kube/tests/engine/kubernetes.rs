//! A test's own system on Kubernetes: its namespace, its objects, and its desired
//! state.

use std::{
    collections::BTreeMap,
    future::Future,
    ops::{Deref, DerefMut},
    path::Path,
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use kcc_kube::KubeStore;
use kcc_lock::Digest;
use kcc_lower::{
    Desired, EngineDesired,
    kubernetes::{CreatedSecret, KubernetesDesired, Object},
};
use kcc_plan::{
    ApplyReport, Blob, Cancel, Error, ExecOptions, ExecStreams, Fence, Options, Plan, Record,
    Reporter, Scope, StatusReport,
};
use kcc_test_engines::{TestedEngine, kubernetes::Testbed};
use serde_json::{Value, json};

/// The cluster that `kcc_kube` is tested on.
pub(crate) struct Kubernetes(pub(crate) Testbed);

/// A test's own system.
pub(crate) struct Sandbox(kcc_test_engines::Sandbox<Kubernetes>);

/// The desired state of a test.
#[derive(Clone)]
pub(crate) struct Draft(kcc_test_engines::Draft<Kubernetes>);

/// The image that cases use: the shop's program, which serves HTTP.
pub(crate) const IMAGE: &str = "kcc-e2e-shop:1";
/// The same image under another name.
pub(crate) const OTHER: &str = "kcc-e2e-shop:2";
/// An image with a shell: a static busybox.
pub(crate) const BOX: &str = "kcc-e2e-box:1";

impl Deref for Kubernetes {
    type Target = Testbed;

    fn deref(&self) -> &Testbed {
        &self.0
    }
}

impl Deref for Sandbox {
    type Target = kcc_test_engines::Sandbox<Kubernetes>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Deref for Draft {
    type Target = kcc_test_engines::Draft<Kubernetes>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Draft {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl TestedEngine for Kubernetes {
    type Objects = KubernetesDesired;

    fn wrap(objects: KubernetesDesired) -> EngineDesired {
        EngineDesired::Kubernetes(objects)
    }

    fn env(&self, _: &Path) -> Vec<(&'static str, String)> {
        vec![
            ("KUBECONFIG", self.kubeconfig()),
            ("USER", "ann".to_owned()),
        ]
    }

    fn remove(&self, system: &str) {
        let namespace = ["delete", "namespace", system];
        let how = ["--ignore-not-found", "--wait=false"];
        self.try_kubectl(&[&namespace[..], &how].concat());
    }

    fn plan(desired: &Desired, options: &Options) -> impl Future<Output = Result<Plan, Error>> {
        kcc_kube::plan(desired, options)
    }

    fn apply(
        desired: &Desired,
        options: &Options,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> impl Future<Output = Result<ApplyReport, Error>> {
        kcc_kube::apply(desired, options, reporter, cancel)
    }

    fn status(
        desired: &Desired,
        options: &Options,
    ) -> impl Future<Output = Result<StatusReport, Error>> {
        kcc_kube::status(desired, options)
    }

    fn down(
        desired: &Desired,
        options: &Options,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> impl Future<Output = Result<ApplyReport, Error>> {
        kcc_kube::down(desired, options, reporter, cancel)
    }

    fn exec(
        desired: &Desired,
        options: &Options,
        wanted: &ExecOptions,
        streams: ExecStreams<'_>,
    ) -> impl Future<Output = Result<Option<i64>, Error>> {
        kcc_kube::exec(desired, options, wanted, streams)
    }
}

impl Sandbox {
    pub(crate) fn new(testbed: Arc<Kubernetes>, case: &str) -> Self {
        Self(kcc_test_engines::Sandbox::new(testbed, case))
    }

    /// Drafts an empty desired state with its namespace.
    pub(crate) fn desired(&self) -> Draft {
        let mut draft = Draft(kcc_test_engines::Draft {
            system: self.system.clone(),
            target: "prod",
            components: BTreeMap::new(),
            engine: KubernetesDesired {
                context: None,
                namespace: self.system.clone(),
                objects: Vec::new(),
                secrets: Vec::new(),
                builds: Vec::new(),
                locked: BTreeMap::new(),
            },
        });
        let namespace = draft.object("v1", "Namespace", &self.system, None, json!({}));
        namespace.data = true;
        draft
    }

    /// Plans with other options.
    pub(crate) async fn plan_with(&self, desired: &Draft, options: &Options) -> Plan {
        let plan = kcc_kube::plan(&desired.finish(), options).await;
        plan.unwrap_or_else(|error| panic!("{}", error.chain()))
    }

    /// Applies with other options.
    pub(crate) async fn apply_with(&self, desired: &Draft, options: &Options) -> ApplyReport {
        let applied =
            kcc_kube::apply(&desired.finish(), options, &self.recorder, &Cancel::new()).await;
        applied.unwrap_or_else(|error| panic!("{}", error.chain()))
    }

    /// Runs a down that may fail.
    pub(crate) async fn try_down(&self, desired: &Draft) -> Result<ApplyReport, Error> {
        let (desired, options) = (desired.finish(), self.options());
        kcc_kube::down(&desired, &options, &self.recorder, &Cancel::new()).await
    }

    /// Connects to the store of the system's record.
    pub(crate) async fn store(&self) -> KubeStore {
        let scope = Scope {
            system: self.system.clone(),
            target: "prod".to_owned(),
            instance: None,
        };
        let options = self.options();
        let store = KubeStore::connect(&scope, None, &self.system, &options).await;
        store.unwrap()
    }

    /// Connects to the record of the system, to change it.
    pub(crate) async fn record(&self) -> Record<KubeStore> {
        Record::new(self.store().await, Fence::default())
    }

    /// Returns the head of the record as it is stored.
    pub(crate) fn head(&self) -> Value {
        let name = format!("kcc.{}.prod", self.system);
        let text = self.kubectl(&["get", "configmap", &name, "-o", "jsonpath={.data.head}"]);
        serde_json::from_str(&text).unwrap()
    }

    /// Changes the head of the record, as nobody should.
    pub(crate) fn set_head(&self, head: &Value) {
        let name = format!("kcc.{}.prod", self.system);
        let part = json!({"data": {"head": head.to_string()}}).to_string();
        self.kubectl(&["patch", "configmap", &name, "--type=merge", "-p", &part]);
    }

    /// Returns everything that the record says, as text.
    pub(crate) fn record_text(&self) -> String {
        let labels = format!("-l=kcc.dev/state-of={}", self.system);
        let maps = self.kubectl(&["get", "configmaps", &labels, "-o", "json"]);
        let maps: Value = serde_json::from_str(&maps).unwrap();
        let mut text = maps.to_string();
        for map in maps["items"].as_array().unwrap() {
            let name = map["metadata"]["name"].as_str().unwrap();
            if let Some(blob) = map["binaryData"]["blob"].as_str() {
                let hex = name.rsplit('.').next().unwrap();
                let digest = Digest::try_from(format!("sha256:{hex}")).unwrap();
                let blob = Blob::unpack(&digest, &BASE64.decode(blob).unwrap()).unwrap();
                text += str::from_utf8(blob.bytes()).unwrap();
            }
        }
        text
    }

    /// Runs kubectl in the system's namespace.
    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        self.testbed
            .kubectl(&[&["-n", &self.system], args].concat())
    }

    /// Returns every object of some kinds with its version.
    pub(crate) fn versions(&self) -> Vec<String> {
        let all = "deployments,statefulsets,jobs,services,configmaps,secrets,serviceaccounts,\
                   persistentvolumeclaims,leases,pods";
        let path = "jsonpath={range .items[*]}{.kind}/{.metadata.name} \
                    {.metadata.resourceVersion}{\"\\n\"}{end}";
        let mut lines: Vec<_> = self
            .kubectl(&["get", all, "-o", path])
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    }

    /// Returns the names of all objects of a kind.
    pub(crate) fn names(&self, kinds: &str) -> Vec<String> {
        let text = self.kubectl(&["get", kinds, "-o", "name"]);
        text.lines().map(str::to_owned).collect()
    }

    /// Returns the identity of an object.
    pub(crate) fn uid(&self, kind: &str, name: &str) -> String {
        self.kubectl(&["get", kind, name, "-o", "jsonpath={.metadata.uid}"])
    }

    pub(crate) fn exists(&self) -> bool {
        let get = ["get", "namespace", &self.system, "--ignore-not-found"];
        !self.testbed.kubectl(&get).is_empty()
    }
}

impl Draft {
    /// Adds an object; the fields are added to its manifest.
    pub(crate) fn object(
        &mut self,
        api_version: &str,
        kind: &str,
        name: &str,
        component: Option<&str>,
        fields: Value,
    ) -> &mut Object {
        let namespace = (kind != "Namespace").then(|| self.system.clone());
        let mut manifest = json!({
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": labels(&self.system, component),
            },
        });
        if let (Value::Object(all), Value::Object(fields)) = (&mut manifest, fields) {
            all.extend(fields);
        }
        self.engine.objects.push(Object {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace,
            name: name.to_owned(),
            component: component.map(str::to_owned),
            team: component.map(|_| "storefront".to_owned()),
            data: false,
            manifest,
        });
        self.engine.objects.last_mut().unwrap()
    }

    /// Adds a service with the shop's program, which answers on port 8080.
    pub(crate) fn serve(&mut self, name: &str) {
        self.component(name);
        let service = json!({"spec": {
            "selector": selector(&self.system, name),
            "ports": [{"name": "http", "port": 8080, "targetPort": 8080}],
        }});
        self.object("v1", "Service", name, Some(name), service);
        let mut template = self.pod(name, &["serve"]);
        let probe = json!({"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1});
        template["spec"]["containers"][0]["readinessProbe"] = probe;
        let deployment = json!({"spec": {
            "replicas": 1,
            "selector": {"matchLabels": selector(&self.system, name)},
            "template": template,
        }});
        self.object("apps/v1", "Deployment", name, Some(name), deployment);
    }

    /// Adds a database with a claim per replica and a generated password.
    pub(crate) fn database(&mut self, name: &str) {
        self.component(name);
        let service = json!({"spec": {
            "clusterIP": "None",
            "selector": selector(&self.system, name),
            "ports": [{"name": "http", "port": 8080, "targetPort": 8080}],
        }});
        self.object("v1", "Service", name, Some(name), service);
        let mut template = self.pod(name, &["serve"]);
        let container = &mut template["spec"]["containers"][0];
        container["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
        container["env"] = json!([{"name": "PASSWORD", "valueFrom": {
            "secretKeyRef": {"name": format!("{name}-password"), "key": "value"},
        }}]);
        let claim = json!({
            "metadata": {"name": "data", "labels": selector(&self.system, name)},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        });
        let set = json!({"spec": {
            "replicas": 1,
            "serviceName": name,
            "selector": {"matchLabels": selector(&self.system, name)},
            "template": template,
            "volumeClaimTemplates": [claim],
        }});
        self.object("apps/v1", "StatefulSet", name, Some(name), set);
        let labels = labels(&self.system, Some(name));
        self.engine.secrets.push(CreatedSecret {
            name: format!("{name}-password"),
            key: "value".to_owned(),
            encoded: false,
            provider: kcc_model::SecretProvider::Generate {},
            shared_from: None,
            component: Some(name.to_owned()),
            team: "storefront".to_owned(),
            labels,
        });
    }

    /// Adds a job that connects to something.
    pub(crate) fn job(&mut self, name: &str, object: &str, args: &[&str]) {
        self.component(name).job = true;
        let mut template = self.pod(name, args);
        template["spec"]["restartPolicy"] = json!("Never");
        let job = json!({"spec": {"backoffLimit": 0, "template": template}});
        self.object("batch/v1", "Job", object, Some(name), job);
    }

    fn pod(&self, name: &str, args: &[&str]) -> Value {
        json!({
            "metadata": {"labels": selector(&self.system, name)},
            "spec": {
                "terminationGracePeriodSeconds": 2,
                "automountServiceAccountToken": false,
                "containers": [{"name": name, "image": IMAGE, "args": args}],
            },
        })
    }

    pub(crate) fn manifest(&mut self, kind: &str, name: &str) -> &mut Value {
        let mut objects = self.engine.objects.iter_mut();
        let found = objects.find(|object| object.kind == kind && object.name == name);
        &mut found.unwrap().manifest
    }

    /// Returns the container of a component's workload.
    pub(crate) fn container(&mut self, kind: &str, name: &str) -> &mut Value {
        &mut self.manifest(kind, name)["spec"]["template"]["spec"]["containers"][0]
    }

    pub(crate) fn remove(&mut self, component: &str) {
        self.components.remove(component);
        self.engine
            .objects
            .retain(|object| object.component.as_deref() != Some(component));
    }
}

fn selector(system: &str, component: &str) -> BTreeMap<String, String> {
    let label = |name: &str, value: &str| (format!("app.kubernetes.io/{name}"), value.to_owned());
    BTreeMap::from([
        label("name", component),
        label("part-of", system),
        label("instance", "prod"),
    ])
}

pub(crate) fn labels(system: &str, component: Option<&str>) -> BTreeMap<String, String> {
    let mut labels = selector(system, component.unwrap_or_default());
    labels.insert("app.kubernetes.io/managed-by".to_owned(), "kcc".to_owned());
    if component.is_some() {
        labels.insert("kcc.dev/team".to_owned(), "storefront".to_owned());
    } else {
        labels.remove("app.kubernetes.io/name");
    }
    labels
}
