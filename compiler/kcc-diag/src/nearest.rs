//! [`nearest`]: what a mistyped name was probably meant to be.

/// The known name nearest to another, if it is near enough to be a slip of the
/// pen; capital letters are no difference.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let length = name.chars().count();
    let most = (length / 3).max(1);
    known
        .into_iter()
        .filter(|other| *other != name)
        .map(|other| {
            (
                strsim::damerau_levenshtein(&lower, &other.to_lowercase()),
                other,
            )
        })
        .filter(|(distance, other)| {
            // Half of a name cannot be a slip.
            *distance <= most && distance * 2 <= length.max(other.chars().count())
        })
        .min()
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_slips_are_corrected() {
        let known = ["cart", "checkout", "storefront", "web"];
        assert_eq!(nearest("crat", known), Some("cart"));
        assert_eq!(nearest("chekout", known), Some("checkout"));
        assert_eq!(nearest("storfront", known), Some("storefront"));
        assert_eq!(nearest("wbe", known), Some("web"));
        for other in ["payments", "billing", "db", ""] {
            assert_eq!(nearest(other, known), None, "{other}");
        }
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest("udp", ["TCP", "UDP"]), Some("UDP"));
    }
}
