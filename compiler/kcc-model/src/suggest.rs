//! Did you mean: the known name that an unknown one was probably meant to be.

/// The nearest known name, if one is near enough to be a slip of the pen.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let longest = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter(|other| *other != name)
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .filter(|(distance, _)| *distance <= longest)
        .min()
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_slips_are_corrected() {
        let known = ["cart", "checkout", "web"];
        assert_eq!(nearest("crat", known), Some("cart"));
        assert_eq!(nearest("chekout", known), Some("checkout"));
        assert_eq!(nearest("wbe", known), Some("web"));
        assert_eq!(nearest("payments", known), None);
        assert_eq!(nearest("db", known), None);
    }
}
