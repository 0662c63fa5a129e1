//! A system of a test's own: its desired state, its state folder, and the
//! commands on it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
};

use kcc_lower::{
    Desired, DesiredComponent, EngineDesired,
    docker::{Container, DockerDesired, HealthCheck, Image, Network, Publish, Restart, Volume},
};
use kcc_model::{Build, Check, Until};
use kcc_plan::{ApplyReport, Cancel, Error, Options, StatusReport};

use crate::{bed::Bed, heard::Heard};

/// The image that cases use: the shop's own program, which serves HTTP.
pub(crate) const SHOP: &str = "kcc-e2e-shop:1";
/// One with a shell, a user and a folder with data: a static busybox.
pub(crate) const BOX: &str = "kcc-e2e-box:1";

static SHOP_PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Makes the images of the cases from programs of this machine.
pub(crate) fn make_images(bed: &Bed, root: &Path) {
    let app = root.join("examples/shop/app");
    let built = Command::new(app.join("build")).status().unwrap();
    assert!(built.success(), "the shop's program needs Go");
    SHOP_PROGRAM.set(app.join("shop")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::copy(app.join("shop"), path.join("shop")).unwrap();
    fs::copy("/bin/busybox", path.join("busybox")).unwrap();
    let shop = "FROM scratch\nCOPY shop /shop\nENTRYPOINT [\"/shop\"]\n";
    let boxed = "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nENV PATH=/bin\n\
                 COPY --chown=999:999 shop /data/seed\n";
    for (tag, text) in [(SHOP, shop), (BOX, boxed)] {
        fs::write(path.join("Dockerfile"), text).unwrap();
        bed.docker(&["build", "-q", "-t", tag, path.to_str().unwrap()]);
    }
}

/// A system with one target on the engine of the tests.
pub(crate) struct Place {
    pub(crate) bed: Arc<Bed>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) system: String,
    pub(crate) heard: Heard,
}

impl Place {
    pub(crate) fn new(bed: Arc<Bed>, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let system = format!("t{}-{}", std::process::id(), name.replace('_', "-"));
        Self {
            bed,
            folder,
            system,
            heard: Heard::default(),
        }
    }

    pub(crate) fn options(&self) -> Options {
        let state = self.folder.path().join("state").display().to_string();
        let env = [
            ("DOCKER_HOST", self.bed.host.clone()),
            ("XDG_STATE_HOME", state),
        ];
        Options {
            root: self.folder.path().to_owned(),
            env: env
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            ..Options::default()
        }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder
            .path()
            .join("state/kcc")
            .join(&self.system)
            .join("dev")
    }

    /// An empty desired state with its network.
    pub(crate) fn desired(&self) -> Draft {
        Draft {
            system: self.system.clone(),
            components: BTreeMap::new(),
            docker: DockerDesired {
                networks: BTreeMap::from([(
                    self.name(""),
                    Network {
                        component: None,
                        labels: self.labels(None),
                    },
                )]),
                volumes: BTreeMap::new(),
                images: BTreeMap::new(),
                containers: BTreeMap::new(),
                secrets: BTreeMap::new(),
            },
            network: self.name(""),
            labels: self.labels(None),
        }
    }

    /// The name of an object on the engine.
    pub(crate) fn name(&self, component: &str) -> String {
        format!("{}-dev-{component}", self.system)
            .trim_end_matches('-')
            .to_owned()
    }

    fn labels(&self, component: Option<&str>) -> BTreeMap<String, String> {
        labels(&self.system, component)
    }

    pub(crate) async fn apply(&self, desired: &Draft) -> ApplyReport {
        self.try_apply(desired)
            .await
            .unwrap_or_else(|error| panic!("{}", error.chain()))
    }

    pub(crate) async fn try_apply(&self, desired: &Draft) -> Result<ApplyReport, Error> {
        kcc_docker::apply(
            &desired.finish(),
            &self.options(),
            &self.heard,
            &Cancel::new(),
        )
        .await
    }

    /// Applies, and everything has to be done and ready.
    pub(crate) async fn apply_all(&self, desired: &Draft) -> ApplyReport {
        let report = self.apply(desired).await;
        assert!(report.complete(), "{report:#?}");
        report
    }

    pub(crate) async fn plan(&self, desired: &Draft) -> String {
        let plan = kcc_docker::plan(&desired.finish(), &self.options())
            .await
            .unwrap();
        // The system's name holds the number of the process.
        plan.to_text().replace(&self.system, "SYSTEM")
    }

    pub(crate) async fn status(&self, desired: &Draft) -> StatusReport {
        kcc_docker::status(&desired.finish(), &self.options())
            .await
            .unwrap()
    }

    pub(crate) async fn down(&self, desired: &Draft, volumes: bool) -> ApplyReport {
        let options = Options {
            volumes,
            ..self.options()
        };
        let done = kcc_docker::down(&desired.finish(), &options, &self.heard, &Cancel::new()).await;
        let report = done.unwrap();
        assert!(report.complete(), "{report:#?}");
        report
    }

    /// The identity of a component's container.
    pub(crate) fn id(&self, component: &str) -> String {
        self.bed.docker(&[
            "inspect",
            "--type=container",
            "--format={{.Id}}",
            &self.name(component),
        ])
    }

    pub(crate) fn inspect(&self, component: &str, format: &str) -> String {
        let format = format!("--format={format}");
        self.bed.docker(&[
            "inspect",
            "--type=container",
            &format,
            &self.name(component),
        ])
    }

    /// The names of all objects of a kind that belong to the system.
    pub(crate) fn list(&self, kind: &str) -> Vec<String> {
        let filter = format!("--filter=label=dev.kcc.system={}", self.system);
        let format = match kind {
            "container" => "--format={{.Names}}",
            _ => "--format={{.Name}}",
        };
        let all = if kind == "container" {
            vec!["-a"]
        } else {
            Vec::new()
        };
        let args = [&[kind, "ls", &filter, format], all.as_slice()].concat();
        let mut names: Vec<_> = self.bed.docker(&args).lines().map(str::to_owned).collect();
        names.sort();
        names
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let remove = |kind, how: &[&str]| {
            for name in self.list(kind) {
                let removed = self.bed.try_docker(&[how, &[&name]].concat());
                // A second panic would end the tests of all others, too.
                if let Err(error) = removed
                    && !std::thread::panicking()
                {
                    panic!("{kind} {name} stays: {error}");
                }
            }
        };
        remove("container", &["rm", "-fv"]);
        remove("volume", &["volume", "rm"]);
        remove("network", &["network", "rm"]);
    }
}

/// A desired state that is being put together.
#[derive(Clone)]
pub(crate) struct Draft {
    system: String,
    pub(crate) components: BTreeMap<String, DesiredComponent>,
    pub(crate) docker: DockerDesired,
    network: String,
    labels: BTreeMap<String, String>,
}

impl Draft {
    pub(crate) fn finish(&self) -> Desired {
        Desired {
            system: self.system.clone(),
            target: "dev".to_owned(),
            components: self.components.clone(),
            engine: EngineDesired::Docker(self.docker.clone()),
        }
    }

    /// Adds a component with one container, and lets the test say more about it.
    pub(crate) fn add(&mut self, name: &str, image: &str, args: &[&str]) -> &mut Container {
        self.components.insert(
            name.to_owned(),
            DesiredComponent {
                team: "storefront".to_owned(),
                path: format!("services.{name}"),
                job: false,
                after: BTreeMap::new(),
                deadline_ms: 60_000,
            },
        );
        let image_of = || Image {
            component: name.to_owned(),
            build: None,
        };
        self.docker
            .images
            .entry(image.to_owned())
            .or_insert_with(image_of);
        let container = Container {
            component: name.to_owned(),
            image: image.to_owned(),
            command: None,
            args: Some(args.iter().map(|arg| (*arg).to_owned()).collect()),
            working_dir: None,
            user: Some("65532:65532".to_owned()),
            env: BTreeMap::new(),
            files: BTreeMap::new(),
            mounts: BTreeMap::new(),
            ports: Vec::new(),
            networks: BTreeMap::from([(self.network.clone(), vec![name.to_owned()])]),
            health: None,
            memory: Some(64 << 20),
            cpu_millis: None,
            cpu_shares: None,
            restart: Restart::UnlessStopped,
            stop_timeout: 2,
            read_only: false,
            add_capabilities: Vec::new(),
            privileged: false,
            docker: None,
            recreate: false,
            on_demand: false,
            after: Vec::new(),
            init: Vec::new(),
            sidecar_of: None,
            labels: labels(&self.system, Some(name)),
        };
        self.docker
            .containers
            .entry(self.name(name))
            .or_insert(container)
    }

    /// A service of the shop's program, which answers on port 8080.
    pub(crate) fn serve(&mut self, name: &str, args: &[&str]) -> &mut Container {
        let container = self.add(name, SHOP, &[&["serve"], args].concat());
        container.health = Some(health(Check::Http {
            path: "/healthz".to_owned(),
            port: 8080,
        }));
        container
    }

    /// A shell script in busybox.
    pub(crate) fn script(&mut self, name: &str, script: &str) -> &mut Container {
        let container = self.add(name, BOX, &[script]);
        container.command = Some(vec!["/bin/busybox".into(), "sh".into(), "-c".into()]);
        container
    }

    pub(crate) fn job(&mut self, name: &str) {
        self.component(name).job = true;
        self.container(name).restart = Restart::No;
    }

    /// One more container of a component.
    pub(crate) fn again(&mut self, name: &str, number: u32) -> &mut Container {
        let another = self.container(name).clone();
        let name = format!("{}-{number}", self.name(name));
        self.docker.containers.entry(name).or_insert(another)
    }

    pub(crate) fn after(&mut self, name: &str, other: &str, until: Until) {
        self.component(name).after.insert(other.to_owned(), until);
    }

    pub(crate) fn component(&mut self, name: &str) -> &mut DesiredComponent {
        self.components.get_mut(name).unwrap()
    }

    pub(crate) fn container(&mut self, name: &str) -> &mut Container {
        let name = self.name(name);
        self.docker.containers.get_mut(&name).unwrap()
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.components.remove(name);
        let name = self.name(name);
        self.docker.containers.remove(&name);
    }

    pub(crate) fn volume(&mut self, component: &str, name: &str) -> String {
        let full = self.name(&format!("{component}-{name}"));
        let labels = labels(&self.system, Some(component));
        self.docker.volumes.insert(
            full.clone(),
            Volume {
                component: component.to_owned(),
                labels,
            },
        );
        full
    }

    pub(crate) fn build(&mut self, component: &str, tag: &str, context: &str) {
        let build = Build {
            tag: tag.to_owned(),
            context: context.to_owned(),
            file: "Dockerfile".to_owned(),
            args: BTreeMap::new(),
            stage: None,
        };
        let image = Image {
            component: component.to_owned(),
            build: Some(build),
        };
        self.docker.images.insert(tag.to_owned(), image);
    }

    pub(crate) fn name(&self, component: &str) -> String {
        format!("{}-dev-{component}", self.system)
    }

    pub(crate) fn target_labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }
}

pub(crate) fn health(check: Check) -> HealthCheck {
    HealthCheck {
        check,
        start_period_ms: 0,
        interval_ms: 500,
        timeout_ms: 1000,
        retries: 3,
    }
}

pub(crate) fn publish(container: u16, host: Option<u16>) -> Publish {
    Publish {
        container,
        protocol: "tcp",
        host,
    }
}

fn labels(system: &str, component: Option<&str>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        ("dev.kcc.system".to_owned(), system.to_owned()),
        ("dev.kcc.target".to_owned(), "dev".to_owned()),
    ]);
    if let Some(component) = component {
        labels.insert("dev.kcc.component".to_owned(), component.to_owned());
        labels.insert("dev.kcc.team".to_owned(), "storefront".to_owned());
    }
    labels
}

/// A file below the system's root.
pub(crate) fn write(place: &Place, name: &str, content: &str) {
    let path = place.folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// The program of the shop, for contexts of builds.
pub(crate) fn shop_program() -> &'static Path {
    SHOP_PROGRAM.get().unwrap()
}

/// What a GET request to a host port answers.
pub(crate) async fn get(address: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
