//! A copy of the shop with a name and a port of its own.

use std::{collections::BTreeMap, net::TcpListener, ops::Deref, process::Command, sync::Arc};

use kcc_test_engines::{self as engines, ExampleCopy, System, docker::Testbed, get, initials};
use serde_json::Value;

/// A copy of the shop.
pub(crate) struct Shop {
    system: System<Testbed>,
    /// The host port of the page that customers see.
    pub(crate) port: u16,
}

impl Shop {
    pub(crate) fn new(testbed: Arc<Testbed>, case: &str) -> Self {
        Self::of(testbed, &initials(case))
    }

    /// Copies the shop under a name with a suffix.
    pub(crate) fn of(testbed: Arc<Testbed>, suffix: &str) -> Self {
        let system = System::of(testbed, "shop", "dev", suffix);
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

    /// Returns the copy by itself.
    pub(crate) fn into_system(self) -> System<Testbed> {
        self.system
    }

    /// Returns true if the engine holds a record of the target.
    pub(crate) fn has_record(&self) -> bool {
        !self.testbed.record(&self.system.name, "dev").is_empty()
    }

    /// Returns the generated secrets of the target.
    pub(crate) fn secrets(&self) -> BTreeMap<String, String> {
        self.testbed.secrets(&self.system.name, "dev")
    }

    pub(crate) fn docker(&self, args: &[&str]) -> String {
        self.testbed.docker(args)
    }

    /// Lists the containers, networks or volumes of the system by name.
    pub(crate) fn list(&self, kind: &str) -> Vec<String> {
        self.testbed.objects(&self.system.name, kind)
    }

    /// Returns the name of the system.
    pub(crate) fn system_name(&self) -> String {
        self.system.name.clone()
    }

    /// Returns the full name of an object.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-dev-{name}", self.system.name)
    }

    /// Returns the identities of all containers.
    pub(crate) fn ids(&self) -> Vec<(String, String)> {
        let names = self.list("container");
        let id = |name: String| {
            let id = self.docker(&["inspect", "--type=container", "--format={{.Id}}", &name]);
            (name, id)
        };
        names.into_iter().map(id).collect()
    }

    /// Returns status and report of the page.
    pub(crate) fn page(&self) -> (u16, Value) {
        get(&format!("127.0.0.1:{}", self.port)).unwrap()
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
        let containers = self.ids().into_iter();
        let mut all: Vec<_> = containers
            .map(|(name, id)| format!("{name} {id}"))
            .collect();
        all.extend(self.list("network"));
        all.extend(self.list("volume"));
        all
    }

    fn has_intent(&self) -> bool {
        self.testbed.has_intent(&self.system.name, "dev")
    }
}

impl Deref for Shop {
    type Target = System<Testbed>;

    fn deref(&self) -> &System<Testbed> {
        &self.system
    }
}

/// Returns a port that nothing is listening on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
