//! Lists the containers of a scope that commands can run in.

use kcc_lower::docker::name_prefix;
use kcc_plan::{Error, ExecContainer, ExecEngine, ExecOptions, Scope};

use crate::{
    client::{Client, RunningCommand},
    observe::belongs,
    observed::label,
};

/// The containers of a scope.
pub(crate) struct Containers<'a> {
    pub(crate) client: &'a Client,
    pub(crate) scope: &'a Scope,
}

impl ExecEngine for Containers<'_> {
    type Process = RunningCommand;

    async fn containers(&self, component: &str) -> Result<Vec<ExecContainer>, Error> {
        let instance = self.scope.instance.as_deref();
        let prefix = name_prefix(&self.scope.system, &self.scope.target, instance) + "-";
        let all = self.client.containers().await?.into_iter();
        let mut found: Vec<_> = all
            .filter(|listed| listed.running && belongs(self.scope, &listed.labels))
            .filter(|listed| {
                let of = listed.labels.get(label::COMPONENT);
                of.is_some_and(|of| of == component)
            })
            .filter_map(|listed| {
                let name = listed.name.strip_prefix(&prefix)?;
                let (replica, container) = replica_and_container(name, component)?;
                Some(ExecContainer {
                    id: listed.id,
                    container: container.to_owned(),
                    replica,
                    ready: true,
                })
            })
            .collect();
        found.sort_by(|one, other| {
            let key = |one: &ExecContainer| (one.replica, one.container.clone());
            key(one).cmp(&key(other))
        });
        Ok(found)
    }

    async fn start(
        &self,
        container: &ExecContainer,
        options: &ExecOptions,
    ) -> Result<RunningCommand, Error> {
        self.client.start_command(&container.id, options).await
    }
}

/// Splits the name of a container, such as `web-2_proxy`, into its replica and its
/// name in the model. A successor that is not ready yet does not count.
fn replica_and_container<'a>(name: &'a str, component: &'a str) -> Option<(u32, &'a str)> {
    let (main, extra) = match name.split_once('_') {
        Some((main, extra)) => (main, Some(extra)),
        None => (name, None),
    };
    let replica = match main.strip_prefix(component)? {
        "" => 1,
        number => number.strip_prefix('-')?.parse().ok()?,
    };
    Some((replica, extra.unwrap_or(component)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_replica_and_container_from_names() {
        for (name, found) in [
            ("web", Some((1, "web"))),
            ("web-2", Some((2, "web"))),
            ("web_proxy", Some((1, "proxy"))),
            ("web-3_proxy", Some((3, "proxy"))),
            ("web.new", None),
            ("web-2.new", None),
        ] {
            assert_eq!(replica_and_container(name, "web"), found, "{name}");
        }
    }
}
