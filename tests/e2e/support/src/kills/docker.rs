//! Kills on Docker. A site is a system.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use crate::{SHELL, docker::Testbed};

use super::KilledHost;

const TARGET: &str = "dev";
/// The image of the containers through which kcc reads generated secrets.
const EMPTY_IMAGE: &str = "kcc-empty:1";

/// Returns the name of each object at a site that is not kcc's. It looks like one of
/// kcc's.
fn unmanaged_name(site: &str) -> String {
    format!("{site}-{TARGET}-unmanaged")
}

impl KilledHost for Testbed {
    const CLIENT: (&'static str, &'static str) = ("docker", "runtime/kcc-docker/src/client");

    const UNPASSED: &'static [(&'static str, &'static str)] = &[
        (
            "docker::create-copier",
            "a copy is made again as long as its container is there; an engine case stops before its end",
        ),
        (
            "docker::copy-volume",
            "a copy is made again as long as its container is there; an engine case stops before its end",
        ),
        (
            "docker::remove-former",
            "removes a container of Compose after its stop; an engine case stops before",
        ),
    ];

    const SHARED: &'static [&'static str] = &["docker::import-image", "docker::remove-image"];

    fn reset(&self, site: &str) {
        let images = self.docker(&["images", "--format={{.Repository}}:{{.Tag}}"]);
        for image in images.lines().filter(|image| image.contains(site)) {
            self.docker(&["rmi", "--force", image]);
        }
    }

    fn left(&self, system: &str, _: &str) -> Vec<String> {
        let mut left = Vec::new();
        for kind in ["container", "network", "volume"] {
            left.extend(self.objects(system, kind));
        }
        let record = self.record(system, TARGET).into_iter();
        left.extend(record.map(|(name, _)| name));
        let secrets = format!("kcc-secrets.{system}.{TARGET}");
        for kind in ["container", "volume"] {
            if self.try_docker(&[kind, "inspect", &secrets]).is_ok() {
                left.push(format!("{kind} {secrets}"));
            }
        }
        left
    }

    fn create_unmanaged(&self, site: &str) {
        let name = &unmanaged_name(site);
        self.docker(&["network", "create", name]);
        self.docker(&["volume", "create", name]);
        let mount = format!("{name}:/data");
        let run = [
            "create",
            "--name",
            name,
            "--network",
            name,
            "--volume",
            &mount,
        ];
        self.docker(&[&run[..], &[SHELL, "true"]].concat());
        let volume = self.docker(&["volume", "inspect", "--format={{.Mountpoint}}", name]);
        fs::write(PathBuf::from(volume).join("data"), name).unwrap();
    }

    fn unmanaged(&self, site: &str) -> String {
        let name = &unmanaged_name(site);
        let mut texts: Vec<_> = ["container", "network", "volume"]
            .iter()
            .map(|kind| self.docker(&[kind, "inspect", name]))
            .collect();
        let volume = self.docker(&["volume", "inspect", "--format={{.Mountpoint}}", name]);
        texts.push(fs::read_to_string(PathBuf::from(volume).join("data")).unwrap());
        texts.join("\n")
    }

    fn remove_unmanaged(&self, site: &str) {
        let name = &unmanaged_name(site);
        let _ = self.try_docker(&["rm", "--force", name]);
        let _ = self.try_docker(&["network", "rm", name]);
        let _ = self.try_docker(&["volume", "rm", name]);
        self.reset(site);
    }

    fn volumes(&self, system: &str, _: &str) -> BTreeMap<String, PathBuf> {
        let directory = |name: String| {
            let inspect = ["volume", "inspect", "--format={{.Mountpoint}}", &name];
            let path = self.docker(&inspect).into();
            (name, path)
        };
        let names = self.objects(system, "volume").into_iter();
        names.map(directory).collect()
    }

    /// Lists the volumes without a name of their own, and the image of secret volumes.
    fn nameless(&self) -> BTreeSet<String> {
        let all = self.docker(&["volume", "ls", "--quiet", "--filter=dangling=true"]);
        let is_nameless = |name: &&str| name.len() == 64 && !name.contains('.');
        let volumes = all.lines().filter(is_nameless).map(str::to_owned);
        let image = self.docker(&["images", "--quiet", EMPTY_IMAGE]);
        volumes.chain(image.lines().map(str::to_owned)).collect()
    }
}
