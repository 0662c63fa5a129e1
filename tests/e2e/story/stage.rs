//! [`Stage`]: the engines and the directory in which the story takes place.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use kcc_test_engines::{ExampleCopy, Host as _, docker, kubernetes};
use kcc_test_support::{CommandOutput, binary};

/// The longest time until something happens that the story waits for.
const PATIENCE: Duration = Duration::from_mins(3);

/// A copy of the shop in a repository, and the engines that it runs on.
pub(crate) struct Stage {
    cluster: kubernetes::Testbed,
    docker: docker::Testbed,
    shop: ExampleCopy,
    /// The home of whoever runs the commands.
    home: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new(cluster: kubernetes::Testbed, docker: docker::Testbed) -> Self {
        let shop = ExampleCopy::of("shop", "prod", cluster.variable());
        fs::remove_dir_all(shop.path("expected")).unwrap();
        cluster.stand_in(&shop.model());
        docker.stand_in(&shop.model());
        Self {
            cluster,
            docker,
            shop,
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// Returns a path in the copy of the shop.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.shop.path(name)
    }

    /// Runs a command line as a reader would.
    pub(crate) fn run(&self, line: &str) -> CommandOutput {
        let parent = |path: &Path| path.parent().unwrap().to_owned();
        let programs = [parent(&binary()), parent(self.cluster.program())];
        let inherited = env::var_os("PATH").unwrap_or_default();
        let paths = programs.into_iter().chain(env::split_paths(&inherited));
        let mut command = Command::new("bash");
        command
            .args(["-c", &format!("{line}\n")])
            .current_dir(self.path(""))
            .env("PATH", env::join_paths(paths).unwrap())
            .env("HOME", self.home.path())
            .env("USER", "shop")
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .env("AUDIT_LOG", self.cluster.audit_log())
            .env("DOCKER_HOST", &self.docker.host);
        CommandOutput::of(&mut command)
    }

    /// Loads the images that the shop builds, as a registry would provide them, onto the
    /// nodes and into Docker.
    pub(crate) fn provide_images(&self) {
        for image in self.shop.images_of("shop") {
            self.cluster.shop_image(&image);
            self.docker.shop_image(&image);
        }
    }

    /// Waits until a command line succeeds.
    pub(crate) fn wait_until(&self, line: &str) {
        let begin = Instant::now();
        loop {
            let ran = self.run(line);
            if ran.code == Some(0) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "`{line}` stays false: {ran:#?}");
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}
