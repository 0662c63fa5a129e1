//! A copy of the shop in a namespace of its own.

use std::{ops::Deref, sync::Arc, time::Duration};

use serde_json::Value;

use crate::{
    bed::Bed,
    support::{Copy, http::get_within, system_name},
};

/// A copy of the shop.
pub(crate) struct Shop {
    pub(crate) bed: Arc<Bed>,
    copy: Copy,
    /// The system's name, and that of its namespace.
    pub(crate) system: String,
}

impl Shop {
    pub(crate) fn new(bed: Arc<Bed>, case: &str) -> Self {
        let copy = Copy::of("shop", "prod", ("KUBECONFIG", bed.kubeconfig()));
        let system = system_name(case);
        copy.rename(&system);
        copy.edit(
            "kcc.cue",
            "namespace: \"shop\"",
            &format!("namespace: {system:?}"),
        );
        bed.stand_in(&copy.model());
        let shop = Self { bed, copy, system };
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
            .filter(|image| image.starts_with(&self.system))
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
        self.bed.kubectl(&[&["-n", &self.system], args].concat())
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
        let namespace = ["get", "namespace", &self.system, "-o", version];
        lines.push(format!("Namespace {}", self.bed.kubectl(&namespace)));
        lines.sort();
        lines
    }

    /// Whether the namespace is there.
    pub(crate) fn exists(&self) -> bool {
        let get = ["get", "namespace", &self.system, "--ignore-not-found"];
        !self.bed.kubectl(&get).is_empty()
    }

    /// What the page answers through its Service: its status and its report.
    pub(crate) fn page(&self) -> (u16, Value) {
        let address = self.bed.address(&self.system, "web");
        get_within(&address, Duration::from_secs(30))
    }
}

impl Deref for Shop {
    type Target = Copy;

    fn deref(&self) -> &Copy {
        &self.copy
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(folder) = self.copy.keep(&self.system)
        {
            self.bed.keep(&self.system, &folder);
        }
        self.bed.remove(&self.system);
    }
}
