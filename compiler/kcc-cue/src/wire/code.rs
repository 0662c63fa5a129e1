//! [`FaultCode`]: the codes of the guest's errors.
//!
//! `guest/wire/errors.go` documents each with its arguments; a test compares the
//! two lists. A code that is not among them does not decode, so that an error
//! cannot turn into another one silently.

use serde::Deserialize;

macro_rules! codes {
    ($($name:ident = $text:literal,)*) => {
        /// The code of an error of the guest.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        pub(crate) enum FaultCode {
            $(#[serde(rename = $text)] $name,)*
        }

        #[cfg(test)]
        const ALL: &[(&str, &str)] = &[$((stringify!($name), $text),)*];
    };
}

codes! {
    Syntax = "syntax",
    PackageClause = "package-clause",
    Attribute = "attribute",
    Import = "import",
    UnknownName = "unknown-name",
    PrivateName = "private-name",
    UnknownField = "unknown-field",
    UnknownKind = "unknown-kind",
    UnknownVersion = "unknown-version",
    SecretLiteral = "secret-literal",
    Overlay = "overlay",
    BadPolicy = "bad-policy",
    NoMatch = "no-match",
    UnknownTarget = "unknown-target",
    SlowPattern = "slow-pattern",
    BadExpression = "bad-expression",
    Conflict = "conflict",
    MissingField = "missing-field",
    NotConcrete = "not-concrete",
    OutOfBounds = "out-of-bounds",
    WrongType = "wrong-type",
    ClosedDefinition = "closed-definition",
    TwoDefaults = "two-defaults",
    CueDefaultRuledOut = "default-ruled-out",
    DefaultRuledOut = "soft-ruled-out",
    Cycle = "cycle",
    Evaluation = "evaluation",
    Unaccounted = "unaccounted",
    PolicyViolated = "policy-violated",
    Protocol = "protocol",
    Internal = "internal",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_has_the_same_codes() {
        let go = include_str!("../../guest/wire/errors.go");
        let constants = go.lines().filter_map(|line| {
            let (name, text) = line.trim().split_once(" Code = ")?;
            Some((name.trim(), text.trim_matches('"')))
        });
        let host: Vec<_> = ALL
            .iter()
            .map(|(name, text)| (name.replace("Cue", "CUE"), *text))
            .collect();
        let guest: Vec<_> = constants
            .map(|(name, text)| (name.to_owned(), text))
            .collect();
        assert_eq!(host, guest);
    }

    #[test]
    fn an_unknown_code_does_not_decode() {
        assert!(serde_json::from_str::<FaultCode>(r#""conflict""#).is_ok());
        assert!(serde_json::from_str::<FaultCode>(r#""clash""#).is_err());
    }
}
