//! Reports routes of two components with the same host and path.

use std::collections::BTreeMap;

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::view::View;

pub(super) fn duplicate_route(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<(&str, &str), (Path, &str)> = BTreeMap::new();
    for component in view.target.components.values() {
        for (name, route) in &component.routes {
            let path = component.path.join("routes").join(name);
            let prefix = match route.path.trim_end_matches('/') {
                "" => "/",
                prefix => prefix,
            };
            let host = route.host.as_str();
            let message = format!("two routes have the address `{host}{prefix}`");
            match taken.get(&(host, prefix)) {
                None => _ = taken.insert((host, prefix), (path, &component.team)),
                Some((first, team)) => {
                    let error = view.reporter.error(
                        Code::CheckDuplicateRoute,
                        &path.join("host"),
                        message,
                        format!("leads to `{}`", component.path),
                    );
                    let error = view.reporter.add_label(
                        error,
                        &first.join("host"),
                        format!("first declared by `{team}`"),
                    );
                    diagnostics.push(error.help("write another host, or another `path`"));
                }
            }
        }
    }
}
