//! A copy of the shop in a namespace of its own.

use std::{ops::Deref, sync::Arc, time::Duration};

use kcc_test_engines::{
    self as engines, ExampleCopy, Host as _, System, get_within, initials, kubernetes::Testbed,
};
use serde_json::Value;

/// A copy of the shop, in a namespace of the system's name.
pub(crate) struct Shop(System<Testbed>);

impl Shop {
    pub(crate) fn new(testbed: Arc<Testbed>, case: &str) -> Self {
        Self::of(testbed, &initials(case))
    }

    /// Copies the shop under a name with a suffix.
    pub(crate) fn of(testbed: Arc<Testbed>, suffix: &str) -> Self {
        let shop = Self(System::of(testbed, "shop", "prod", suffix));
        let own = format!("namespace: {:?}", shop.name);
        shop.edit("kcc.cue", "namespace: \"shop\"", &own);
        shop.stand_in();
        // The built image is named after the system.
        for image in shop.images_of(&shop.name) {
            shop.testbed.shop_image(&image);
        }
        shop
    }

    /// Returns the copy by itself.
    pub(crate) fn into_system(self) -> System<Testbed> {
        self.0
    }

    /// Returns the manifests of prod.
    pub(crate) fn render(&self) -> String {
        self.run_ok(&["render", "--target", "prod"])
    }

    /// Makes kcc generate the payment provider's key. In the shop itself it is a
    /// Secret provided from outside.
    pub(crate) fn generate_key(&self) {
        self.edit(
            "teams/payments/checkout.cue",
            "on: prod: {\n\tsecrets: \"stripe-key\": kubernetes: {name: \"stripe\", key: \"api\"}",
            "on: prod: {\n\tsecrets: \"stripe-key\": generate: {}",
        );
    }

    /// Runs kubectl in the shop's namespace.
    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        self.testbed.kubectl(&[&["-n", &self.name], args].concat())
    }

    /// Returns the names of all objects of some kinds.
    pub(crate) fn names(&self, kinds: &str) -> Vec<String> {
        let text = self.kubectl(&["get", kinds, "-o", "name"]);
        text.lines().map(str::to_owned).collect()
    }

    /// Returns every object of the shop with its version.
    pub(crate) fn versions(&self) -> Vec<String> {
        let kinds = "deployments,statefulsets,jobs,services,configmaps,secrets,serviceaccounts,\
                     persistentvolumeclaims,ingresses,leases,replicasets,pods";
        let path = "jsonpath={range .items[*]}{.kind}/{.metadata.name} \
                    {.metadata.resourceVersion}{\"\\n\"}{end}";
        let mut lines: Vec<_> = self
            .kubectl(&["get", kinds, "-o", path])
            .lines()
            .map(str::to_owned)
            .collect();
        let version = "jsonpath={.metadata.resourceVersion}";
        let namespace = ["get", "namespace", &self.name, "-o", version];
        lines.push(format!("Namespace {}", self.testbed.kubectl(&namespace)));
        lines.sort();
        lines
    }

    /// Returns the name of kcc's records for the target.
    pub(crate) fn state(&self) -> String {
        format!("kcc.{}.prod", self.name)
    }

    /// Returns true if the namespace exists.
    pub(crate) fn exists(&self) -> bool {
        let get = ["get", "namespace", &self.name, "--ignore-not-found"];
        !self.testbed.kubectl(&get).is_empty()
    }

    /// Returns status and report of the page, through its Service.
    pub(crate) fn page(&self) -> (u16, Value) {
        let address = self.testbed.address(&self.name, "web");
        get_within(&address, Duration::from_secs(30))
    }
}

impl engines::shop::Shop for Shop {
    fn copy(&self) -> &ExampleCopy {
        self
    }

    fn page(&self) -> (u16, Value) {
        self.page()
    }

    fn objects(&self) -> Vec<String> {
        if self.exists() {
            self.versions()
        } else {
            Vec::new()
        }
    }

    fn has_intent(&self) -> bool {
        let head = "jsonpath={.data.head}";
        let get = ["get", "configmap", &self.state(), "-o", head];
        self.kubectl(&get).contains("\"intent\"")
    }
}

impl Deref for Shop {
    type Target = System<Testbed>;

    fn deref(&self) -> &System<Testbed> {
        &self.0
    }
}
