//! The stub of a component: this program, which listens on ports and says nothing.
//!
//! Its image is made on the spot of the program that runs, with the libraries that it has
//! loaded, so that no registry is needed.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

use kcc_capsule::Stub;
use sha2::{Digest, Sha256};

/// The command that runs as a stub.
pub const COMMAND: &str = "__stub";

/// The number of digits of the program's hash in the name of its image.
const DIGITS: usize = 12;

/// The time to wait for a request before the connection stays silent.
const REQUEST: Duration = Duration::from_secs(1);
/// The answer to an HTTP request.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// The beginnings of HTTP requests.
const METHODS: [&str; 7] = [
    "GET ", "HEAD ", "POST ", "PUT ", "PATCH ", "DELETE ", "OPTIONS ",
];

/// The stub in an image of its own.
pub struct StubImage {
    /// The image and the command in it.
    pub stub: Stub,
    /// Its files, by path.
    files: BTreeMap<String, Vec<u8>>,
}

impl StubImage {
    /// Reads the program that runs, with its libraries; none elsewhere than on Linux, whose
    /// programs alone run in a container.
    pub fn read() -> io::Result<Option<Self>> {
        if !cfg!(target_os = "linux") {
            return Ok(None);
        }
        let mut files = BTreeMap::from([("kcc".to_owned(), fs::read("/proc/self/exe")?)]);
        let mut loader = None;
        for line in fs::read_to_string("/proc/self/maps")?.lines() {
            let Some(at) = line.find('/') else { continue };
            let path = &line[at..];
            let name = path.rsplit('/').next().unwrap_or_default();
            if !name.contains(".so") || files.contains_key(&format!("lib/{name}")) {
                continue;
            }
            if name.starts_with("ld-") {
                loader = Some(format!("/lib/{name}"));
            }
            files.insert(format!("lib/{name}"), fs::read(path)?);
        }
        let mut command = vec!["/kcc".to_owned(), COMMAND.to_owned()];
        if let Some(loader) = loader {
            let through = [loader, "--library-path".to_owned(), "/lib".to_owned()];
            command.splice(0..0, through);
        }
        let hash = Sha256::digest(&files["kcc"]);
        let digits = kcc_lock::Digest::from_sha256(hash.into());
        let digits = &digits.hex()[..DIGITS];
        Ok(Some(Self {
            stub: Stub {
                image: format!("kcc-stub:{digits}"),
                command,
            },
            files,
        }))
    }

    /// Returns the files in a tar.
    pub fn archive(&self) -> io::Result<Vec<u8>> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o755);
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_slice())?;
        }
        builder.into_inner()
    }
}

/// Listens on ports (`5432`, `53/udp`) until it is ended. HTTP requests get an empty
/// response; other connections are accepted and stay silent.
pub fn listen(ports: &[String]) -> io::Result<()> {
    let mut threads = Vec::new();
    for port in ports {
        let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        let number: u16 = number.parse().map_err(io::Error::other)?;
        let any = std::net::Ipv6Addr::UNSPECIFIED;
        if protocol == "udp" {
            let socket =
                UdpSocket::bind((any, number)).or_else(|_| UdpSocket::bind(("0.0.0.0", number)))?;
            threads.push(thread::spawn(move || {
                let mut buffer = [0; 1024];
                while socket.recv(&mut buffer).is_ok() {}
            }));
        } else {
            let listener = TcpListener::bind((any, number))
                .or_else(|_| TcpListener::bind(("0.0.0.0", number)))?;
            threads.push(thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    thread::spawn(move || answer(stream));
                }
            }));
        }
    }
    for thread in threads {
        // A thread that panicked has listened as long as it could.
        let _ = thread.join();
    }
    // Without a port there is nothing to do but to run.
    loop {
        thread::sleep(Duration::from_hours(1));
    }
}

/// Answers an HTTP request, and otherwise reads until the other side closes.
fn answer(mut stream: TcpStream) {
    let mut buffer = [0; 1024];
    let _ = stream.set_read_timeout(Some(REQUEST));
    let read = stream.read(&mut buffer).unwrap_or_default();
    if METHODS
        .iter()
        .any(|method| buffer[..read].starts_with(method.as_bytes()))
    {
        let _ = stream.write_all(ANSWER);
        return;
    }
    let _ = stream.set_read_timeout(None);
    while matches!(stream.read(&mut buffer), Ok(1..)) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_answered_and_anything_else_is_only_accepted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || answer(stream));
            }
        });
        let mut web = TcpStream::connect(address).unwrap();
        web.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").unwrap();
        let mut text = String::new();
        web.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
        let mut database = TcpStream::connect(address).unwrap();
        database.write_all(&[0, 0, 0, 8]).unwrap();
        let short = Some(Duration::from_millis(100));
        database.set_read_timeout(short).unwrap();
        assert!(database.read(&mut [0; 8]).is_err(), "it stays silent");
    }
}
