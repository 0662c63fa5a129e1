//! [`ImportPath`]: the parts of a path that imports a package, as CUE reads them.

/// `PATH@VERSION:NAME`, the last two of which may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ImportPath<'a> {
    /// The path of the folder.
    pub(super) path: &'a str,
    /// The major version of the module.
    pub(super) version: Option<&'a str>,
    /// The name of the package: what is written, else the last part of the
    /// path; none where that is no name.
    pub(super) package: Option<&'a str>,
}

impl<'a> ImportPath<'a> {
    /// Takes a path apart; none if no package can have it.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let last = text.rfind(['/', ':']);
        let (rest, written) = match last {
            Some(at) if text[at..].starts_with(':') => (&text[..at], Some(&text[at + 1..])),
            _ => (text, None),
        };
        let (path, version) = match rest.rsplit_once('@') {
            Some((path, version)) => (path, Some(version)),
            None => (rest, None),
        };
        let ordinary = |part: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
            !part.is_empty() && !part.starts_with('.') && part.chars().all(allowed)
        };
        let package = written.or_else(|| path.rsplit('/').next());
        let released = version.is_none_or(|version| ordinary(version) && !version.contains('/'));
        (released && path.split('/').all(ordinary)).then_some(Self {
            path,
            version,
            package: package.filter(|name| is_name(name)),
        })
    }

    /// Whether a path is one of CUE's standard library: only those of modules
    /// begin with a domain.
    pub(super) fn is_standard(text: &str) -> bool {
        let first = text.split('/').next().unwrap_or(text);
        !first.contains('.')
    }
}

fn is_name(text: &str) -> bool {
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
    fn paths_are_taken_apart_as_cue_does() {
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
            let parts = ImportPath::of(text).map(|path| (path.path, path.version, path.package));
            assert_eq!(parts, expected, "{text}");
        }
    }
}
