//! Values that nobody has to know: made at random.

use super::provider::{ANOTHER, missing};
use crate::Error;

/// Characters of a generated secret: what needs no quotes anywhere.
const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// How many of them it has: 184 bits.
const RANDOM: usize = 31;

/// A new value, made at random. It keeps the rules that servers have for
/// passwords: a small letter, a capital, a digit and a character that is neither.
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
            let why = format!("the system gives no random numbers: {error}");
            missing(name, why, ANOTHER)
        })?;
        // Four times the alphabet fits into a byte; what exceeds it would make
        // some characters more likely.
        let fair = bytes
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|byte| *byte < 4 * ALPHABET.len());
        text.extend(fair.map(|byte| char::from(ALPHABET[byte % ALPHABET.len()])));
    }
    text.truncate(RANDOM);
    Ok(text)
}
