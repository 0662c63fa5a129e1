//! A test's own system on Docker: its directory, its objects, and its desired state.

use std::{
    collections::BTreeMap,
    fs,
    future::Future,
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
};

use kcc_docker::DockerStore;
use kcc_lower::{
    Desired, EngineDesired,
    docker::{Container, DockerDesired, HealthCheck, Image, Network, Publish, Restart, Volume},
};
use kcc_model::{Build, Check};
use kcc_plan::{
    ApplyReport, Cancel, Error, ExecOptions, ExecStreams, Fence, Options, Plan, Record, Reporter,
    Scope, StatusReport,
};
use kcc_test_engines::{
    TestedEngine,
    desired::{container, team},
    docker::Testbed,
};
use kcc_test_support::root;

/// The engine that `kcc_docker` is tested on.
pub(crate) struct Docker(pub(crate) Testbed);

/// A test's own system.
pub(crate) struct Sandbox(kcc_test_engines::Sandbox<Docker>);

/// The desired state of a test.
#[derive(Clone)]
pub(crate) struct Draft(kcc_test_engines::Draft<Docker>);

/// The image that most cases use: the shop's program, which serves HTTP.
pub(crate) const SHOP: &str = "kcc-e2e-shop:1";
/// An image with a shell, a user and a directory with data: a static busybox.
pub(crate) const BOX: &str = "kcc-e2e-box:1";

static SHOP_PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Builds the images of the cases from programs on this machine.
pub(crate) fn make_images(testbed: &Testbed) {
    let app = root().join("examples/shop/app");
    let built = Command::new(app.join("build")).status().unwrap();
    assert!(built.success(), "the shop's program needs Go");
    SHOP_PROGRAM.set(app.join("shop")).unwrap();
    let context = tempfile::tempdir().unwrap();
    let path = context.path();
    fs::copy(app.join("shop"), path.join("shop")).unwrap();
    fs::copy("/bin/busybox", path.join("busybox")).unwrap();
    let shop = "FROM scratch\nCOPY shop /shop\nENTRYPOINT [\"/shop\"]\n";
    let boxed = "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nENV PATH=/bin\n\
                 COPY --chown=999:999 shop /data/seed\n";
    for (tag, text) in [(SHOP, shop), (BOX, boxed)] {
        fs::write(path.join("Dockerfile"), text).unwrap();
        testbed.docker(&["build", "-q", "-t", tag, path.to_str().unwrap()]);
    }
}

impl Deref for Docker {
    type Target = Testbed;

    fn deref(&self) -> &Testbed {
        &self.0
    }
}

impl Deref for Sandbox {
    type Target = kcc_test_engines::Sandbox<Docker>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Deref for Draft {
    type Target = kcc_test_engines::Draft<Docker>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Draft {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl TestedEngine for Docker {
    type Objects = DockerDesired;

    fn wrap(objects: DockerDesired) -> EngineDesired {
        EngineDesired::Docker(objects)
    }

    fn env(&self, _root: &Path) -> Vec<(&'static str, String)> {
        vec![("DOCKER_HOST", self.host.clone())]
    }

    fn remove(&self, system: &str) {
        self.0.remove(system);
    }

    fn plan(desired: &Desired, options: &Options) -> impl Future<Output = Result<Plan, Error>> {
        kcc_docker::plan(desired, options)
    }

    fn apply(
        desired: &Desired,
        options: &Options,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> impl Future<Output = Result<ApplyReport, Error>> {
        kcc_docker::apply(desired, options, reporter, cancel)
    }

    fn status(
        desired: &Desired,
        options: &Options,
    ) -> impl Future<Output = Result<StatusReport, Error>> {
        kcc_docker::status(desired, options)
    }

    fn down(
        desired: &Desired,
        options: &Options,
        reporter: &dyn Reporter,
        cancel: &Cancel,
    ) -> impl Future<Output = Result<ApplyReport, Error>> {
        kcc_docker::down(desired, options, reporter, cancel)
    }

    fn exec(
        desired: &Desired,
        options: &Options,
        wanted: &ExecOptions,
        streams: ExecStreams<'_>,
    ) -> impl Future<Output = Result<Option<i64>, Error>> {
        kcc_docker::exec(desired, options, wanted, streams)
    }
}

impl Sandbox {
    pub(crate) fn new(testbed: Arc<Docker>, case: &str) -> Self {
        Self(kcc_test_engines::Sandbox::new(testbed, case))
    }

    /// Applies with other options.
    pub(crate) async fn apply_with(&self, desired: &Draft, options: &Options) -> ApplyReport {
        let (whole, cancel) = (desired.finish(), Cancel::new());
        let applied = kcc_docker::apply(&whole, options, &self.recorder, &cancel).await;
        applied.unwrap_or_else(|error| panic!("{}", error.chain()))
    }

    /// Returns true if the engine holds a record of the system or a secret of it.
    pub(crate) fn has_record(&self) -> bool {
        !self.testbed.record(&self.system, "dev").is_empty()
    }

    /// Returns the generated secrets by name.
    pub(crate) fn secrets(&self) -> BTreeMap<String, String> {
        self.testbed.secrets(&self.system, "dev")
    }

    /// Connects to the store of the system's record.
    pub(crate) async fn store(&self) -> DockerStore {
        let scope = Scope {
            system: self.system.clone(),
            target: "dev".to_owned(),
            instance: None,
        };
        DockerStore::connect(&scope, &self.options()).await.unwrap()
    }

    /// Connects to the record of the system, to change it.
    pub(crate) async fn record(&self) -> Record<DockerStore> {
        Record::new(self.store().await, Fence::default())
    }

    /// Drafts an empty desired state with its network.
    pub(crate) fn desired(&self) -> Draft {
        let network = Network {
            component: None,
            labels: labels(&self.system, None),
        };
        Draft(kcc_test_engines::Draft {
            system: self.system.clone(),
            target: "dev",
            components: BTreeMap::new(),
            engine: DockerDesired {
                networks: BTreeMap::from([(network_of(&self.system), network)]),
                volumes: BTreeMap::new(),
                images: BTreeMap::new(),
                containers: BTreeMap::new(),
                secrets: BTreeMap::new(),
                probe_image: None,
            },
        })
    }

    /// Returns the name of an object on the engine.
    pub(crate) fn name(&self, component: &str) -> String {
        let name = format!("{}-dev-{component}", self.system);
        name.trim_end_matches('-').to_owned()
    }

    /// Returns the identity of a component's container.
    pub(crate) fn id(&self, component: &str) -> String {
        self.testbed.docker(&[
            "inspect",
            "--type=container",
            "--format={{.Id}}",
            &self.name(component),
        ])
    }

    pub(crate) fn inspect(&self, component: &str, format: &str) -> String {
        let format = format!("--format={format}");
        self.testbed.docker(&[
            "inspect",
            "--type=container",
            &format,
            &self.name(component),
        ])
    }

    /// Lists the names of the system's objects of a kind.
    pub(crate) fn list(&self, kind: &str) -> Vec<String> {
        self.testbed.objects(&self.system, kind)
    }
}

impl Draft {
    /// Adds a component with one container, for the test to refine.
    pub(crate) fn add(&mut self, name: &str, image: &str, args: &[&str]) -> &mut Container {
        self.component(name);
        let image_of = || Image {
            component: name.to_owned(),
            platform: None,
            build: None,
            locked: None,
        };
        self.engine
            .images
            .entry(image.to_owned())
            .or_insert_with(image_of);
        let container = Container {
            args: Some(args.iter().map(|arg| (*arg).to_owned()).collect()),
            user: Some("65532:65532".to_owned()),
            memory: Some(64 << 20),
            stop_timeout: 2,
            labels: labels(&self.system, Some(name)),
            ..container(name, image, &network_of(&self.system))
        };
        let name = self.name(name);
        self.engine.containers.entry(name).or_insert(container)
    }

    /// Adds a service with the shop's program, which answers on port 8080.
    pub(crate) fn serve(&mut self, name: &str, args: &[&str]) -> &mut Container {
        let container = self.add(name, SHOP, &[&["serve"], args].concat());
        container.health = Some(health(Check::Http {
            path: "/healthz".to_owned(),
            port: 8080,
        }));
        container
    }

    /// Adds a shell script in busybox.
    pub(crate) fn script(&mut self, name: &str, script: &str) -> &mut Container {
        let container = self.add(name, BOX, &[script]);
        container.command = Some(vec!["/bin/busybox".into(), "sh".into(), "-c".into()]);
        container
    }

    pub(crate) fn job(&mut self, name: &str) {
        self.component(name).job = true;
        self.container(name).restart = Restart::No;
    }

    /// Adds another container to a component.
    pub(crate) fn replica(&mut self, name: &str, number: u32) -> &mut Container {
        let another = self.container(name).clone();
        let name = format!("{}-{number}", self.name(name));
        self.engine.containers.entry(name).or_insert(another)
    }

    pub(crate) fn container(&mut self, name: &str) -> &mut Container {
        let name = self.name(name);
        self.engine.containers.get_mut(&name).unwrap()
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.components.remove(name);
        let name = self.name(name);
        self.engine.containers.remove(&name);
    }

    pub(crate) fn volume(&mut self, component: &str, name: &str) -> String {
        let full = self.name(&format!("{component}-{name}"));
        let labels = labels(&self.system, Some(component));
        self.engine.volumes.insert(
            full.clone(),
            Volume {
                component: Some(component.to_owned()),
                team: team(component).to_owned(),
                labels,
            },
        );
        full
    }

    /// Adds a volume of the system, which components share.
    pub(crate) fn shared_volume(&mut self, name: &str) -> String {
        let full = self.name(name);
        let mut labels = labels(&self.system, None);
        labels.insert("dev.kcc.volume".to_owned(), name.to_owned());
        self.engine.volumes.insert(
            full.clone(),
            Volume {
                component: None,
                team: team("web").to_owned(),
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
            locked: None,
            component: component.to_owned(),
            platform: None,
            build: Some(build),
        };
        self.engine.images.insert(tag.to_owned(), image);
    }

    pub(crate) fn name(&self, component: &str) -> String {
        format!("{}-dev-{component}", self.system)
    }
}

fn network_of(system: &str) -> String {
    format!("{system}-dev")
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
        address: None,
    }
}

pub(crate) fn labels(system: &str, component: Option<&str>) -> BTreeMap<String, String> {
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

/// Writes a file below the system's root.
pub(crate) fn write(sandbox: &Sandbox, name: &str, content: &str) {
    let path = sandbox.root.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Returns the shop's program, for build contexts.
pub(crate) fn shop_program() -> &'static Path {
    SHOP_PROGRAM.get().unwrap()
}

/// Returns the response to a GET request to a host port.
pub(crate) async fn get(address: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
