//! A copy of the shop under a name and on a port of its own.

use std::{net::TcpListener, ops::Deref, path::PathBuf, process::Command, sync::Arc};

use serde_json::Value;

use crate::{
    bed::Bed,
    support::{self, Copy, System, http::get, initials},
};

/// A copy of the shop.
pub(crate) struct Shop {
    system: System<Bed>,
    /// The host port of the page that customers see.
    pub(crate) port: u16,
}

impl Shop {
    pub(crate) fn new(bed: Arc<Bed>, case: &str) -> Self {
        let system = System::of(bed, "shop", "dev", &initials(case));
        let port = free_port();
        system.edit(
            "teams/storefront/web.cue",
            "expose: 8080",
            &format!("expose: {port}"),
        );
        system.stand_in();
        let built = Command::new("bash").arg(system.path("app/build")).status();
        assert!(built.unwrap().success(), "the shop's program needs Go");
        Self { system, port }
    }

    /// What kcc remembers of the target.
    pub(crate) fn state(&self) -> PathBuf {
        self.path(&format!("../state/kcc/{}/dev", self.system.name))
    }

    pub(crate) fn docker(&self, args: &[&str]) -> String {
        self.bed.docker(args)
    }

    /// The containers, networks or volumes of the system by name.
    pub(crate) fn list(&self, kind: &str) -> Vec<String> {
        self.bed.objects(&self.system.name, kind)
    }

    /// The complete name of an object.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-dev-{name}", self.system.name)
    }

    /// The identities of all containers.
    pub(crate) fn ids(&self) -> Vec<(String, String)> {
        let names = self.list("container");
        let id = |name: String| {
            let id = self.docker(&["inspect", "--type=container", "--format={{.Id}}", &name]);
            (name, id)
        };
        names.into_iter().map(id).collect()
    }

    /// What the page answers: its status and its report.
    pub(crate) fn page(&self) -> (u16, Value) {
        get(&format!("127.0.0.1:{}", self.port)).unwrap()
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
        let containers = self.ids().into_iter();
        let mut all: Vec<_> = containers
            .map(|(name, id)| format!("{name} {id}"))
            .collect();
        all.extend(self.list("network"));
        all.extend(self.list("volume"));
        all
    }

    fn has_intent(&self) -> bool {
        self.state().join("intent.json").exists()
    }
}

impl Deref for Shop {
    type Target = System<Bed>;

    fn deref(&self) -> &System<Bed> {
        &self.system
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
