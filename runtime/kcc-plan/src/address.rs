//! [`Address`]: an address at which a component is reachable from outside.

use serde::{Serialize, Serializer};

/// An address at which a component is reachable from outside. Serialises to its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A host and a port, such as `0.0.0.0:8080`, or the URL of a route.
    pub text: String,
    /// The component's own port; none for a route.
    pub port: Option<u16>,
}

impl Address {
    /// Returns the host and the port by which a program on this machine reaches the
    /// component; none for a route.
    pub fn host_and_port(&self) -> Option<(&str, u16)> {
        self.port?;
        let (host, port) = self.text.rsplit_once(':')?;
        // An engine that listens on all addresses listens on this one.
        let host = if host == "0.0.0.0" { "127.0.0.1" } else { host };
        Some((host, port.parse().ok()?))
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_how_to_reach_a_port() {
        let of = |text: &str, port| {
            let address = Address {
                text: text.to_owned(),
                port,
            };
            let reached = address.host_and_port();
            reached.map(|(host, port)| (host.to_owned(), port))
        };
        let local = Some(("127.0.0.1".to_owned(), 8080));
        assert_eq!(of("0.0.0.0:8080", Some(80)), local);
        let balancer = Some(("[2001:db8::1]".to_owned(), 80));
        assert_eq!(of("[2001:db8::1]:80", Some(80)), balancer);
        assert_eq!(of("https://shop.example.com", None), None);
    }
}
