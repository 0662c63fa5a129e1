//! [`ImportPath`]: a CUE import path, split as CUE splits it.

/// An import path `PATH@VERSION:NAME`, where version and name are optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ImportPath<'a> {
    /// The module path and directory.
    pub(super) path: &'a str,
    /// The module's major version.
    pub(super) version: Option<&'a str>,
    /// The package name: the explicit one, or else the last element of the path;
    /// `None` if that is not an identifier.
    pub(super) package: Option<&'a str>,
}

impl<'a> ImportPath<'a> {
    /// Parses an import path; `None` if it is not valid.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let last = text.rfind(['/', ':']);
        let (rest, explicit) = match last {
            Some(at) if text[at..].starts_with(':') => (&text[..at], Some(&text[at + 1..])),
            _ => (text, None),
        };
        let (path, version) = match rest.rsplit_once('@') {
            Some((path, version)) => (path, Some(version)),
            None => (rest, None),
        };
        let is_element = |part: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
            !part.is_empty() && !part.starts_with('.') && part.chars().all(allowed)
        };
        let package = explicit.or_else(|| path.rsplit('/').next());
        let valid_version =
            version.is_none_or(|version| is_element(version) && !version.contains('/'));
        (valid_version && path.split('/').all(is_element)).then_some(Self {
            path,
            version,
            package: package.filter(|name| is_identifier(name)),
        })
    }

    /// Returns true for packages of CUE's standard library: only module paths begin
    /// with a domain.
    pub(super) fn is_standard(text: &str) -> bool {
        let first = text.split('/').next().unwrap_or(text);
        !first.contains('.')
    }
}

fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    let first = chars.next();
    first.is_some_and(|c| c.is_alphabetic() || c == '_' || c == '$')
        && text != "_"
        && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_paths_as_cue_does() {
        for (text, expected) in [
            ("acme.com/shop", Some(("acme.com/shop", None, Some("shop")))),
            (
                "acme.com/shop/lib@v1:web",
                Some(("acme.com/shop/lib", Some("v1"), Some("web"))),
            ),
            ("acme.com/web-lib", Some(("acme.com/web-lib", None, None))),
            (
                "acme.com/web-lib:lib",
                Some(("acme.com/web-lib", None, Some("lib"))),
            ),
            ("acme.com/../lib", None),
            ("acme.com//lib", None),
            ("acme.com/lib/", None),
            ("acme.com/a b", None),
            ("acme.com/shop@v1/lib", None),
        ] {
            let parts = ImportPath::parse(text).map(|path| (path.path, path.version, path.package));
            assert_eq!(parts, expected, "{text}");
        }
    }
}
