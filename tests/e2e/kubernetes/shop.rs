//! A copy of the shop in a namespace of its own.

use std::{ops::Deref, sync::Arc, time::Duration};

use serde_json::Value;

use crate::{
    bed::Bed,
    support::{self, Copy, System, http::get_within, initials},
};

/// A copy of the shop, in a namespace of the system's name.
pub(crate) struct Shop(System<Bed>);

impl Shop {
    pub(crate) fn new(bed: Arc<Bed>, case: &str) -> Self {
        let shop = Self(System::of(bed, "shop", "prod", &initials(case)));
        let own = format!("namespace: {:?}", shop.name);
        shop.edit("kcc.cue", "namespace: \"shop\"", &own);
        shop.stand_in();
        // The image that is built is named after the system.
        for image in shop.built_images() {
            shop.bed.shop_image(&image);
        }
        shop
    }

    /// The images that the render names and that are not the backings'.
    pub(crate) fn built_images(&self) -> Vec<String> {
        let mut images: Vec<_> = self
            .render()
            .lines()
            .filter_map(|line| line.trim_start_matches(['-', ' ']).strip_prefix("image: "))
            .map(|image| image.trim_matches('"').to_owned())
            .filter(|image| image.starts_with(&self.name))
            .collect();
        images.sort();
        images.dedup();
        assert!(!images.is_empty(), "{}", self.render());
        images
    }

    /// The manifests of prod.
    pub(crate) fn render(&self) -> String {
        self.done(&["render", "--target", "prod"])
    }

    /// Lets the cluster make the key of the payment provider, which is a Secret
    /// that somebody else brings in the shop itself.
    pub(crate) fn generate_key(&self) {
        self.edit(
            "teams/payments/checkout.cue",
            "on: prod: {\n\tsecrets: \"stripe-key\": kubernetes: {name: \"stripe\", key: \"api\"}",
            "on: prod: {\n\tsecrets: \"stripe-key\": generate: {}",
        );
    }

    /// kubectl in the shop's namespace.
    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        self.bed.kubectl(&[&["-n", &self.name], args].concat())
    }

    /// The names of all objects of some kinds.
    pub(crate) fn names(&self, kinds: &str) -> Vec<String> {
        let text = self.kubectl(&["get", kinds, "-o", "name"]);
        text.lines().map(str::to_owned).collect()
    }

    /// Every object of the shop and its version.
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
        lines.push(format!("Namespace {}", self.bed.kubectl(&namespace)));
        lines.sort();
        lines
    }

    /// The name of what kcc keeps for the target.
    pub(crate) fn state(&self) -> String {
        format!("kcc.{}.prod", self.name)
    }

    /// Whether the namespace is there.
    pub(crate) fn exists(&self) -> bool {
        let get = ["get", "namespace", &self.name, "--ignore-not-found"];
        !self.bed.kubectl(&get).is_empty()
    }

    /// What the page answers through its Service: its status and its report.
    pub(crate) fn page(&self) -> (u16, Value) {
        let address = self.bed.address(&self.name, "web");
        get_within(&address, Duration::from_secs(30))
    }
}

impl support::shop::Shop for Shop {
    fn copy(&self) -> &Copy {
        self
    }

    fn page(&self) -> (u16, Value) {
        self.page()
    }

    fn there(&self) -> Vec<String> {
        if self.exists() {
            self.versions()
        } else {
            Vec::new()
        }
    }

    fn has_intent(&self) -> bool {
        let intent = "jsonpath={.data.intent}";
        let get = ["get", "configmap", &self.state(), "-o", intent];
        !self.kubectl(&get).is_empty()
    }

    fn unlock(&self) {
        self.kubectl(&["delete", "lease", &self.state()]);
    }
}

impl Deref for Shop {
    type Target = System<Bed>;

    fn deref(&self) -> &System<Bed> {
        &self.0
    }
}
