//! [`Stage`]: the engines and the directory in which the story takes place.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use kcc_test_engines::{ExampleCopy, Host as _, SHELL, docker, kubernetes};
use kcc_test_support::{CommandOutput, binary, root};

/// The longest time until something happens that the story waits for.
const PATIENCE: Duration = Duration::from_mins(3);

/// A copy of the shop in a repository, and the engines that it runs on.
pub(crate) struct Stage {
    cluster: kubernetes::Testbed,
    docker: docker::Testbed,
    shop: ExampleCopy,
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
            .env("HOME", self.path(""))
            .env("USER", "shop")
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .env("AUDIT_LOG", self.cluster.audit_log())
            .env("DOCKER_HOST", &self.docker.host);
        CommandOutput::of(&mut command)
    }

    /// Loads the images that the shop builds, as a registry would provide them, onto the
    /// nodes and into Docker.
    pub(crate) fn provide_images(&self) {
        let app = root().join("examples/shop/app");
        let files = tempfile::tempdir().unwrap();
        fs::copy(app.join("shop"), files.path().join("shop")).unwrap();
        let rendered = self.shop.run_ok(&["render", "--target", "prod"]);
        let own = rendered.lines().filter_map(|line| {
            let (_, image) = line.split_once("image: ")?;
            let image = image.trim_matches('"');
            image.starts_with("shop/").then(|| image.to_owned())
        });
        let own: std::collections::BTreeSet<_> = own.collect();
        assert!(!own.is_empty(), "{rendered}");
        for image in own {
            self.cluster.image(&image, files.path(), &["/shop"]);
            let mut pack = Command::new(root().join("tests/testbed/pack-image"));
            self.docker
                .load(pack.arg(image).arg(files.path()).arg("/shop"));
        }
        self.docker.shell_image(SHELL);
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
