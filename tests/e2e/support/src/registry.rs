//! [`Registry`]: Debian's `docker-registry` on a free port of this machine, empty
//! and only for one test.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The user and password of a registry with logins.
pub const LOGIN: (&str, &str) = ("ann", "abc");
/// The same, as the registry stores it.
const HTPASSWD: &str = "ann:$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i\n";

/// The time that a registry may take to start.
const START: Duration = Duration::from_secs(20);

/// A running registry, which ends with this value.
#[derive(Debug)]
pub struct Registry {
    process: Child,
    directory: TempDir,
    port: u16,
}

impl Registry {
    /// Starts a registry; `None` if the program is not installed.
    pub fn start(login: bool) -> Option<Self> {
        // A port is free until its registry listens, so that only one may start.
        static STARTS: Mutex<()> = Mutex::new(());
        let _starts = STARTS.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = tempfile::tempdir().unwrap();
        // Below the ports of clients: a connection to one of those may reach itself.
        let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let mut ports = (20_000..30_000)
            .cycle()
            .skip(std::process::id() as usize % 10_000);
        let port: u16 = ports.find(free).unwrap();
        let storage = directory.path().join("storage");
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: \"127.0.0.1:{port}\"}}\n",
            storage.display()
        );
        if login {
            let users = directory.path().join("htpasswd");
            fs::write(&users, HTPASSWD).unwrap();
            let users = users.display();
            let auth = format!("auth: {{htpasswd: {{realm: test, path: {users}}}}}\n");
            config.push_str(&auth);
        }
        let path = directory.path().join("config.yml");
        fs::write(&path, config).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let registry = Self {
            process,
            directory,
            port,
        };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < START, "the registry does not start");
            thread::sleep(Duration::from_millis(50));
        }
        Some(registry)
    }

    /// Returns its name in references.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns the file with the content of a digest.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blobs = "storage/docker/registry/v2/blobs/sha256";
        let path = self.directory.path().join(blobs);
        path.join(&hex[..2]).join(hex).join("data")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
