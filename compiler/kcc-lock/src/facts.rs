//! [`ImageFacts`]: the facts about one image, and the texts that they are made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

/// The facts about images, by the reference that fragments use.
pub type Images = BTreeMap<String, ImageFacts>;

/// The facts about an image. The platforms of an image differ in their digests
/// only; the other facts are those of its `linux/amd64`, or of its first platform.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageFacts {
    /// The digest of its index, or of the manifest of an image with one platform;
    /// none for an image that is in no registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The digest of each platform's manifest; none for an image that is in no
    /// registry.
    pub platforms: BTreeMap<Platform, Option<Digest>>,
    /// The user as the image writes it; none means root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The number of the user; none if the image does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The number of the group; none if the image leaves it to the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// The ports that it exposes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ports: BTreeSet<ExposedPort>,
    /// The paths that it declares as volumes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub volumes: BTreeSet<String>,
    /// The directories at which volumes are mounted, unless it runs as root.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub directories: BTreeMap<String, DirectoryFacts>,
    /// The entrypoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// The command, or the arguments of the entrypoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The health check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthFacts>,
}

impl ImageFacts {
    /// Returns true if the image certainly starts as root.
    pub fn starts_as_root(&self) -> bool {
        self.uid == Some(0)
    }
}

/// The health check of an image, with the engine's defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HealthFacts {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The time between two attempts, in milliseconds.
    pub interval_ms: u64,
    /// The time that an attempt may take, in milliseconds.
    pub timeout_ms: u64,
    /// The time during which failures do not count, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_period_ms: u64,
    /// The number of failures in a row that make it unhealthy.
    pub retries: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The content of an image at the path of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DirectoryFacts {
    /// The directory.
    Present(Directory),
    /// Something else.
    Other(NoDirectory),
}

/// The reason why nothing is known about a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NoDirectory {
    /// The image does not have it.
    Absent,
    /// It is not a directory, or behind a link.
    Unknown,
}

/// The owner and mode of a directory in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// The number of the owner.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
    /// The permission bits.
    #[serde(with = "octal")]
    pub mode: u32,
}

impl Directory {
    /// Returns true if a user can create files in the directory, or may be able to
    /// because the group is unknown.
    pub fn is_writable_by(self, uid: u32, gid: Option<u32>) -> bool {
        const WRITE_AND_SEARCH: u32 = 0o3;
        let allows = |shift: u32| (self.mode >> shift) & WRITE_AND_SEARCH == WRITE_AND_SEARCH;
        if uid == 0 {
            return true;
        }
        if uid == self.uid {
            return allows(6);
        }
        match gid {
            Some(gid) if gid == self.gid => allows(3),
            Some(_) => allows(0),
            None => allows(3) || allows(0),
        }
    }
}

/// Modes in octal, as `chmod` takes them.
mod octal {
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    pub(super) fn serialize<S: Serializer>(mode: &u32, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{mode:04o}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
        let text = String::deserialize(from)?;
        u32::from_str_radix(&text, 8)
            .ok()
            .filter(|mode| *mode <= 0o7777)
            .ok_or_else(|| de::Error::custom(format!("`{text}` is not a mode such as `0755`")))
    }
}

/// The number of hexadecimal digits of a digest.
pub const DIGEST_HEX: usize = 64;

/// A digest: `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// Creates the digest of content with this SHA-256.
    pub fn from_sha256(hash: [u8; DIGEST_HEX / 2]) -> Self {
        let text = hash.iter().fold(ALGORITHM.to_owned(), |text, byte| {
            format!("{text}{byte:02x}")
        });
        Self(text)
    }

    /// Returns the digest with these hexadecimal digits; none if they are not.
    pub fn from_hex(hex: &str) -> Option<Self> {
        Self::try_from(format!("{ALGORITHM}{hex}")).ok()
    }

    /// Returns the hexadecimal digits.
    pub fn hex(&self) -> &str {
        &self.0[ALGORITHM.len()..]
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first digits, which are enough to tell two digests apart.
    pub fn short(&self) -> &str {
        &self.0[..ALGORITHM.len() + SHORT_HEX]
    }
}

const ALGORITHM: &str = "sha256:";
const SHORT_HEX: usize = 12;

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let hex = text.strip_prefix(ALGORITHM);
        let lower = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if hex.is_some_and(|hex| hex.len() == DIGEST_HEX && hex.chars().all(lower)) {
            Ok(Self(text))
        } else {
            Err(format!(
                "`{text}` is not a digest: expected `sha256:` and {DIGEST_HEX} digits"
            ))
        }
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A platform, such as `linux/arm64` or `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Platform {
    /// The operating system.
    pub os: String,
    /// The architecture, as Go names it.
    pub architecture: String,
    /// The variant of the architecture.
    pub variant: Option<String>,
}

impl Platform {
    /// Creates a platform from its parts; an empty variant counts as none. `v8` is
    /// the only variant of `arm64`, and builders write it or not.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let implied = |variant: &str| architecture == "arm64" && variant == "v8";
        Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant
                .filter(|variant| !variant.is_empty() && !implied(variant))
                .map(str::to_owned),
        }
    }
}

impl TryFrom<String> for Platform {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts: Vec<_> = text.split('/').collect();
        match parts[..] {
            [os, architecture] if !os.is_empty() && !architecture.is_empty() => {
                Ok(Self::new(os, architecture, None))
            }
            [os, architecture, variant]
                if !os.is_empty() && !architecture.is_empty() && !variant.is_empty() =>
            {
                Ok(Self::new(os, architecture, Some(variant)))
            }
            _ => Err(format!("`{text}` is not a platform such as `linux/amd64`")),
        }
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> Self {
        platform.to_string()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// A port that an image exposes, such as `8080/tcp`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExposedPort {
    /// The number.
    pub number: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

impl TryFrom<String> for ExposedPort {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // Builders write `8080` or `8080/tcp`.
        let (number, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
        match number.parse() {
            Ok(number) if !protocol.is_empty() => Ok(Self {
                number,
                protocol: protocol.to_lowercase(),
            }),
            _ => Err(format!("`{text}` is not a port such as `8080/tcp`")),
        }
    }
}

impl From<ExposedPort> for String {
    fn from(port: ExposedPort) -> Self {
        port.to_string()
    }
}

impl fmt::Display for ExposedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_writable_by_its_owner_its_group_or_everybody() {
        let directory = |mode| Directory {
            uid: 1000,
            gid: 2000,
            mode,
        };
        assert!(directory(0o755).is_writable_by(1000, None));
        assert!(!directory(0o755).is_writable_by(1001, Some(2000)));
        assert!(directory(0o775).is_writable_by(1001, Some(2000)));
        assert!(directory(0o1777).is_writable_by(1001, Some(2001)));
        assert!(directory(0o775).is_writable_by(1001, None), "maybe");
        assert!(!directory(0o755).is_writable_by(1001, None));
        // The owner's bits count for the owner, even if others may do more.
        assert!(!directory(0o577).is_writable_by(1000, None));
        assert!(directory(0o700).is_writable_by(0, None));
    }

    #[test]
    fn texts_are_normalised() {
        let port = |text: &str| ExposedPort::try_from(text.to_owned());
        assert_eq!(port("8080").unwrap().to_string(), "8080/tcp");
        assert!(port("70000/tcp").is_err() && port("http").is_err());
        assert!(port("53/udp").unwrap() < port("8080/tcp").unwrap());
        let platform = |text: &str| Platform::try_from(text.to_owned());
        assert_eq!(platform("linux/arm64/v8"), platform("linux/arm64"));
        assert_eq!(
            platform("linux/arm/v7").unwrap().to_string(),
            "linux/arm/v7"
        );
        assert!(platform("linux").is_err() && platform("linux//v7").is_err());
        assert!(Digest::try_from("sha256:abc".to_owned()).is_err());
    }
}
