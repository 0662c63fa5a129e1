//! [`Lock`]: the file as a whole.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Images;

/// The name of the file, beside `kcc.cue`.
pub const LOCK_FILE: &str = "kcc.lock";

/// The version that this kcc writes, and the newest that it reads. A field that is
/// added is a new version, since an older kcc would not honour it.
const VERSION: u32 = 1;

/// The beginnings of the lines that git writes into a file with a conflict.
const MERGE_MARKERS: [&str; 3] = ["<<<<<<< ", "=======", ">>>>>>> "];

const HEAD: &str = "\
# Facts about the images of this system, written by `kcc lock`. Commit this file.
# `kcc lock --update` reads the images again.
";

/// The content of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// The facts, by image.
    pub images: Images,
}

/// The reason why a text is not a valid file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invalid {
    /// A newer kcc wrote it.
    Newer {
        /// The version of the file.
        version: u32,
        /// The bytes of the version.
        range: Range<usize>,
    },
    /// It has mistakes.
    Malformed {
        /// The mistake, in one line.
        message: String,
        /// The bytes at fault.
        range: Range<usize>,
    },
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[allow(dead_code, reason = "read before the rest")]
    version: u32,
    images: Images,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    images: &'a Images,
}

impl Lock {
    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let found: Versioned =
            serde_saphyr::from_str(text).map_err(|error| malformed(text, &error))?;
        if found.version > VERSION {
            return Err(Invalid::Newer {
                version: found.version,
                range: line_of(text, "version:"),
            });
        }
        let document: Document =
            serde_saphyr::from_str(text).map_err(|error| malformed(text, &error))?;
        Ok(Self {
            images: document.images,
        })
    }

    /// Returns the text of the file.
    pub fn to_text(&self) -> String {
        let written = Written {
            version: VERSION,
            images: &self.images,
        };
        let body = serde_saphyr::to_string(&written).expect("texts and numbers serialise to YAML");
        format!("{HEAD}{}\n", body.trim_end())
    }
}

fn malformed(text: &str, error: &serde_saphyr::Error) -> Invalid {
    for marker in MERGE_MARKERS {
        let range = line_of(text, marker);
        if !range.is_empty() {
            let message = "left behind by a merge".to_owned();
            return Invalid::Malformed { message, range };
        }
    }
    let at = error.location().and_then(|location| {
        let start = usize::try_from(location.span().byte_offset()?).ok()?;
        Some(start.min(text.len()))
    });
    let start = at.unwrap_or_default();
    let rest = text[start..].lines().next().unwrap_or_default();
    let message = error.without_snippet().to_string();
    let message = message.lines().next().unwrap_or_default();
    // The position is shown with the file.
    let message = message
        .rsplit_once(" at line ")
        .map_or(message, |(message, _)| message);
    Invalid::Malformed {
        message: message.trim_end_matches(['.', ':']).to_owned(),
        range: start..start + rest.trim_end().len(),
    }
}

/// Returns the bytes of the first line that starts with a text.
fn line_of(text: &str, start: &str) -> Range<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with(start) {
            return at..at + line.trim_end().len();
        }
        at += line.len();
    }
    0..0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Digest, Directory, DirectoryFacts, ExposedPort, HealthFacts, ImageFacts, NoDirectory,
        Platform,
    };

    fn digest(digit: char) -> Digest {
        let hex: String = std::iter::repeat_n(digit, crate::DIGEST_HEX).collect();
        Digest::try_from(format!("sha256:{hex}")).unwrap()
    }

    fn lock() -> Lock {
        let facts = ImageFacts {
            digest: Some(digest('a')),
            platforms: [
                (Platform::new("linux", "amd64", None), Some(digest('b'))),
                (Platform::new("linux", "arm", Some("v7")), Some(digest('c'))),
            ]
            .into(),
            user: Some("node".to_owned()),
            uid: Some(1000),
            gid: Some(1000),
            ports: ["8080/tcp", "53/udp"]
                .map(|port| ExposedPort::try_from(port.to_owned()).unwrap())
                .into(),
            volumes: ["/data".to_owned()].into(),
            directories: [
                (
                    "/data".to_owned(),
                    DirectoryFacts::Present(Directory {
                        uid: 1000,
                        gid: 1000,
                        mode: 0o755,
                    }),
                ),
                (
                    "/none".to_owned(),
                    DirectoryFacts::Other(NoDirectory::Absent),
                ),
            ]
            .into(),
            entrypoint: vec!["/run.sh".to_owned()],
            command: vec!["--port".to_owned(), "8080".to_owned(), "no".to_owned()],
            health: Some(HealthFacts {
                command: vec![
                    "/bin/sh".to_owned(),
                    "-c".to_owned(),
                    "test: 'x'".to_owned(),
                ],
                interval_ms: 30_000,
                timeout_ms: 30_000,
                start_period_ms: 0,
                retries: 3,
            }),
        };
        let local = ImageFacts {
            platforms: [(Platform::new("linux", "amd64", None), None)].into(),
            uid: Some(0),
            ..ImageFacts::default()
        };
        Lock {
            images: [
                ("acme/web:1".to_owned(), facts),
                ("local:dev".to_owned(), local),
            ]
            .into(),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = lock().to_text();
        assert_eq!(Lock::parse(&text).unwrap(), lock(), "{text}");
        let expected = format!(
            r#"{HEAD}version: 1
images:
  "acme/web:1":
    digest: {a}
    platforms:
      linux/amd64: {b}
      linux/arm/v7: {c}
    user: node
    uid: 1000
    gid: 1000
    ports:
    - 53/udp
    - 8080/tcp
    volumes:
    - /data
    directories:
      /data:
        uid: 1000
        gid: 1000
        mode: "0755"
      /none: absent
    entrypoint:
    - /run.sh
    command:
    - --port
    - "8080"
    - "no"
    health:
      command:
      - /bin/sh
      - -c
      - "test: 'x'"
      intervalMs: 30000
      timeoutMs: 30000
      retries: 3
  "local:dev":
    platforms:
      linux/amd64: null
    uid: 0
"#,
            a = digest('a'),
            b = digest('b'),
            c = digest('c')
        );
        assert_eq!(text, expected);
    }

    fn invalid(text: &str) -> (String, String) {
        match Lock::parse(text).unwrap_err() {
            Invalid::Malformed { message, range } => (message, text[range].to_owned()),
            other @ Invalid::Newer { .. } => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_mistake_has_its_place() {
        let image = "version: 1\nimages:\n  a:\n    platforms: {}\n";
        let (message, at) = invalid(&format!("{image}    uid: many\n"));
        assert_eq!(at, "many", "{message}");
        let (message, at) = invalid(&format!("{image}    usr: x\n"));
        assert_eq!(at, "usr: x", "{message}");
        assert!(message.contains("usr"), "{message}");
        let (message, at) = invalid(&format!("{image}    digest: sha256:12\n"));
        assert_eq!(at, "sha256:12", "{message}");
        assert!(message.contains("is not a digest"), "{message}");
        let (message, at) = invalid("version: 1\nimages:\n<<<<<<< ours\n  a: {}\n");
        assert_eq!(
            (&*message, &*at),
            ("left behind by a merge", "<<<<<<< ours")
        );
        assert!(matches!(Lock::parse(""), Err(Invalid::Malformed { .. })));
    }

    #[test]
    fn a_newer_version_is_recognised_whatever_else_the_file_has() {
        let text = "# head\nversion: 2\nimages: []\nmodules: {}\n";
        match Lock::parse(text).unwrap_err() {
            Invalid::Newer { version, range } => {
                assert_eq!((version, &text[range]), (2, "version: 2"));
            }
            other @ Invalid::Malformed { .. } => panic!("{other:?}"),
        }
    }
}
