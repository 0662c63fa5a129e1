//! Assigns host ports to ports that are published without a number. They are
//! derived from the container's name, so they are stable, and a container keeps
//! the port it has.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

/// The first assignable port. The range lies below the kernel's ephemeral ports.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;
/// The number of candidates.
const CANDIDATES: u16 = 64;

/// Returns the host ports that a container's port may get, in order of preference.
pub(crate) fn candidates(container: &str, port: u16, protocol: &str) -> impl Iterator<Item = u16> {
    let hash = Sha256::digest(format!("{container}\0{port}/{protocol}"));
    let start = u16::from_be_bytes([hash[0], hash[1]]) % COUNT;
    (0..CANDIDATES).map(move |step| FIRST + (start + step) % COUNT)
}

/// Returns the first free candidate; if all are taken the very first, so that the
/// engine's error names the port.
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
    fn choice_is_stable_and_avoids_taken_ports() {
        let free = choose("shop-dev-web", 8080, "tcp", &BTreeSet::new());
        assert_eq!(free, choose("shop-dev-web", 8080, "tcp", &BTreeSet::new()));
        assert!((FIRST..FIRST + COUNT).contains(&free));
        let next = choose("shop-dev-web", 8080, "tcp", &BTreeSet::from([free]));
        assert_ne!(next, free);
        assert_ne!(free, choose("shop-dev-cart", 8080, "tcp", &BTreeSet::new()));
    }
}
