//! A copy of the shop in a namespace of its own, and the commands on it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::bed::Bed;

/// Brings the images of the shop to the node: its own program under the name
/// that the model gives it, and stand-ins for those of the backings.
pub(crate) fn make_images(bed: &Bed, root: &Path) {
    let files = tempfile::tempdir().unwrap();
    let bin = files.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let built = Command::new("go")
        .args([
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags=-s -w",
            "-o",
        ])
        .arg(bin.join("standin"))
        .arg(".")
        .current_dir(root.join("tests/testbed/standin"))
        .env("CGO_ENABLED", "0")
        .status()
        .unwrap();
    assert!(built.success(), "the stand-ins need Go");
    for check in ["pg_isready", "redis-cli"] {
        fs::copy(bin.join("standin"), bin.join(check)).unwrap();
    }
    for (reference, port) in [("postgres:16", ":5432"), ("redis:7", ":6379")] {
        bed.image(reference, files.path(), &["/bin/standin", port]);
    }
}

/// A copy of the shop.
pub(crate) struct Shop {
    pub(crate) bed: Arc<Bed>,
    folder: tempfile::TempDir,
    /// The system's name, and that of its namespace.
    pub(crate) system: String,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Shop {
    pub(crate) fn new(bed: Arc<Bed>, case: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop");
        copy(&source, &folder.path().join("shop"));
        let short: String = case
            .split('_')
            .filter_map(|word| word.chars().next())
            .collect();
        let system = format!("e2e{}-{short}", std::process::id());
        let shop = Self {
            bed,
            folder,
            system,
        };
        shop.edit(
            "kcc.cue",
            "name: \"shop\"",
            &format!("name: {:?}", shop.system),
        );
        shop.edit(
            "kcc.cue",
            "namespace: \"shop\"",
            &format!("namespace: {:?}", shop.system),
        );
        // The image that is built is named after the system.
        for image in shop.built_images() {
            shop.bed.shop_image(&image);
        }
        shop
    }

    /// The images that the render names and that are not the backings'.
    fn built_images(&self) -> Vec<String> {
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

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("shop").join(name)
    }

    /// Replaces a text that has to be there.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "`{from}` is not in {file}:\n{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kcc"));
        command
            .args(args)
            .current_dir(self.path(""))
            .env("KUBECONFIG", self.bed.kubeconfig())
            .stdin(Stdio::null());
        command
    }

    /// Runs kcc to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        ran(&mut self.command(args))
    }

    /// Runs kcc with another kubeconfig.
    pub(crate) fn run_with(&self, kubeconfig: &Path, args: &[&str]) -> Ran {
        ran(self.command(args).env("KUBECONFIG", kubeconfig))
    }

    /// Starts kcc and waits for a line on stderr that holds a text.
    pub(crate) fn start_until(&self, args: &[&str], text: &str) -> Child {
        let mut child = self
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = Vec::new();
        loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("it ended before `{text}`: {seen:#?}")
            };
            seen.push(line.clone());
            if line.contains(text) {
                break;
            }
        }
        // A pipe that nobody reads must not stop it.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        child
    }

    /// The manifests of prod.
    pub(crate) fn render(&self) -> String {
        let ran = self.run(&["render", "--target", "prod"]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        ran.out
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

    /// Applies; everything has to be done and ready. Returns the report.
    pub(crate) fn apply(&self) -> Value {
        let ran = self.run(&["apply", "--target", "prod", "--yes", "--format", "json"]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        report(&ran)
    }

    /// The operations of the plan.
    pub(crate) fn plan(&self) -> Vec<Value> {
        let ran = self.run(&["plan", "--target", "prod", "--format", "json"]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        let plan = object_with(&ran, "operations");
        plan["operations"].as_array().unwrap().clone()
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
    /// The node's rules follow the pods with a delay, so a bad answer is asked
    /// for again for a while.
    pub(crate) fn page(&self) -> (u16, Value) {
        let address = self.kubectl(&["get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"]);
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            match get(&address) {
                Ok((200, page)) => return (200, page),
                answer if Instant::now() > end => {
                    return answer.unwrap_or_else(|error| panic!("{address}: {error}"));
                }
                _ => std::thread::sleep(Duration::from_millis(300)),
            }
        }
    }

    /// Keeps what explains a failure, where `KCC_E2E_ARTIFACTS` names a folder.
    fn keep(&self) {
        let Some(folder) = std::env::var_os("KCC_E2E_ARTIFACTS") else {
            return;
        };
        let folder = PathBuf::from(folder).join(&self.system);
        let _ = fs::create_dir_all(&folder);
        let keep = |name: &str, args: &[&str]| {
            let args = [&["-n", &self.system], args].concat();
            let text = self.bed.try_kubectl(&args).unwrap_or_default();
            let _ = fs::write(folder.join(name), text);
        };
        let kinds = "deployments,statefulsets,jobs,services,configmaps,pvc,leases,pods";
        keep("objects.yaml", &["get", kinds, "-o", "yaml"]);
        keep("events.txt", &["get", "events", "--sort-by=.lastTimestamp"]);
        keep("pods.txt", &["describe", "pods"]);
        let logs = [
            "logs",
            "--selector=app.kubernetes.io/instance=prod",
            "--prefix",
            "--tail=200",
        ];
        keep("logs.txt", &logs);
        copy(&self.path(""), &folder.join("shop"));
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep();
        }
        let delete = ["delete", "namespace", &self.system, "--ignore-not-found"];
        self.bed.try_kubectl(&delete);
    }
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A GET request to a Service.
pub(crate) fn get(address: &str) -> std::io::Result<(u16, Value)> {
    let mut stream = TcpStream::connect(format!("{address}:8080"))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let wrong = || std::io::Error::other(format!("no answer of the shop: {answer}"));
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = answer.find('{').zip(answer.rfind('}'));
    let body = body.and_then(|(begin, end)| serde_json::from_str(&answer[begin..=end]).ok());
    status.zip(body).ok_or_else(wrong)
}

/// The report of an apply or a down.
pub(crate) fn report(ran: &Ran) -> Value {
    object_with(ran, "mutatingCalls")
}

/// The object on stdout that has a field.
fn object_with(ran: &Ran, field: &str) -> Value {
    ran.out
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|value| value.get(field).is_some())
        .unwrap_or_else(|| panic!("no `{field}` on stdout: {ran:#?}"))
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
