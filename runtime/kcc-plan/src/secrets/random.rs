//! Generates random values for secrets that nobody has to know.

use super::provider::{OTHER_PROVIDER, missing};
use crate::Error;

/// The characters of a generated secret; none of them needs quoting anywhere.
const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// The number of random characters, which gives 184 bits.
const RANDOM: usize = 31;

/// Generates a random value that satisfies the password rules of common servers:
/// a lower-case letter, an upper-case letter, a digit and another character.
pub fn generate(name: &str) -> Result<String, Error> {
    loop {
        let mut secret = random(name)?;
        let has = |class: fn(&char) -> bool| secret.chars().any(|c| class(&c));
        if [
            char::is_ascii_lowercase,
            char::is_ascii_uppercase,
            char::is_ascii_digit,
        ]
        .into_iter()
        .all(has)
        {
            secret.insert(RANDOM / 2, '-');
            return Ok(secret);
        }
    }
}

fn random(name: &str) -> Result<String, Error> {
    let mut text = String::with_capacity(RANDOM + 1);
    while text.len() < RANDOM {
        let mut bytes = [0; RANDOM];
        getrandom::fill(&mut bytes).map_err(|error| {
            let why = format!("the operating system returned no random numbers: {error}");
            missing(name, why, OTHER_PROVIDER)
        })?;
        // A byte holds the alphabet four times; larger values would make some
        // characters more likely.
        let fair = bytes
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|byte| *byte < 4 * ALPHABET.len());
        text.extend(fair.map(|byte| char::from(ALPHABET[byte % ALPHABET.len()])));
    }
    text.truncate(RANDOM);
    Ok(text)
}
