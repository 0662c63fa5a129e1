//! Host ports for what is published without a number: stable, because they
//! follow from the container's name, and kept once a container has one.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

/// Below the ports that kernels give to connections of their own.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;
/// Ports that are tried.
const TRIES: u16 = 64;

/// The host ports that a port of a container may get, best first.
pub(crate) fn candidates(container: &str, port: u16, protocol: &str) -> impl Iterator<Item = u16> {
    let hash = Sha256::digest(format!("{container}\0{port}/{protocol}"));
    let start = u16::from_be_bytes([hash[0], hash[1]]) % COUNT;
    (0..TRIES).map(move |step| FIRST + (start + step) % COUNT)
}

/// The first candidate that nobody has; the very first one if all are taken, so
/// that the engine says who has it.
pub(crate) fn choose(container: &str, port: u16, protocol: &str, taken: &BTreeSet<u16>) -> u16 {
    candidates(container, port, protocol)
        .find(|candidate| !taken.contains(candidate))
        .or_else(|| candidates(container, port, protocol).next())
        .unwrap_or(FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_stable_and_avoids_those_that_are_taken() {
        let free = choose("shop-dev-web", 8080, "tcp", &BTreeSet::new());
        assert_eq!(free, choose("shop-dev-web", 8080, "tcp", &BTreeSet::new()));
        assert!((FIRST..FIRST + COUNT).contains(&free));
        let next = choose("shop-dev-web", 8080, "tcp", &BTreeSet::from([free]));
        assert_ne!(next, free);
        assert_ne!(free, choose("shop-dev-cart", 8080, "tcp", &BTreeSet::new()));
    }
}
