//! Routes of two components for one host and path.

use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::View;

pub(super) fn duplicate_route(view: &View<'_>, found: &mut Diagnostics) {
    let mut taken: BTreeMap<(&str, &str), (Path, &str)> = BTreeMap::new();
    for component in view.target.components.values() {
        for (name, route) in &component.routes {
            let path = component.path.join("routes").join(name);
            let prefix = match route.path.trim_end_matches('/') {
                "" => "/",
                prefix => prefix,
            };
            let host = route.host.as_str();
            let message = format!("two routes lead from `{host}{prefix}`");
            match taken.get(&(host, prefix)) {
                None => _ = taken.insert((host, prefix), (path, &component.team)),
                Some((first, team)) => {
                    let error = view.lines.error(
                        Code::CheckDuplicateRoute,
                        &path.join("host"),
                        message,
                        format!("again, to `{}`", component.path),
                    );
                    let error =
                        view.lines
                            .also(error, &first.join("host"), format!("first by `{team}`"));
                    found.push(error.help("write another host, or another `path`"));
                }
            }
        }
    }
}
