//! A copy of the shop under a name and on a port of its own.

use std::{
    fs,
    net::TcpListener,
    ops::Deref,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use serde_json::Value;

use crate::{
    bed::Bed,
    support::{Copy, http::get, system_name},
};

/// A copy of the shop.
pub(crate) struct Shop {
    bed: Arc<Bed>,
    copy: Copy,
    pub(crate) system: String,
    /// The host port of the page that customers see.
    pub(crate) port: u16,
}

impl Shop {
    pub(crate) fn new(bed: Arc<Bed>, case: &str) -> Self {
        let copy = Copy::of("shop", "dev", ("DOCKER_HOST", &bed.host));
        let system = system_name(case);
        copy.rename(&system);
        let port = free_port();
        copy.edit(
            "teams/storefront/web.cue",
            "expose: 8080",
            &format!("expose: {port}"),
        );
        bed.stand_in(&copy.model());
        let built = Command::new("bash").arg(copy.path("app/build")).status();
        assert!(built.unwrap().success(), "the shop's program needs Go");
        Self {
            bed,
            copy,
            system,
            port,
        }
    }

    /// What kcc remembers of the target.
    pub(crate) fn state(&self) -> PathBuf {
        self.copy.path(&format!("../state/kcc/{}/dev", self.system))
    }

    pub(crate) fn docker(&self, args: &[&str]) -> String {
        self.bed.docker(args)
    }

    /// The containers, networks or volumes of the system by name.
    pub(crate) fn list(&self, kind: &str) -> Vec<String> {
        self.bed.objects(&self.system, kind)
    }

    /// The complete name of an object.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-dev-{name}", self.system)
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

    /// Keeps what explains a failure.
    fn keep(&self, folder: &Path) {
        for container in self.list("container") {
            for (command, extension) in [("inspect", "json"), ("logs", "log")] {
                let path = folder.join(format!("{container}.{extension}"));
                let _ = fs::write(path, self.docker(&[command, &container]));
            }
        }
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
            self.keep(&folder);
        }
        self.bed.remove(&self.system);
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
