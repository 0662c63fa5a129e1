//! Finds the project of Docker Compose that a target takes over, by the labels that
//! Compose gives its containers.

use std::collections::{BTreeMap, BTreeSet};

use kcc_diag::Code;
use kcc_lower::docker::DockerDesired;
use kcc_plan::Error;

use crate::{
    client::Listed,
    compose::{Project, ServiceContainer},
};

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

/// Finds the project that has services of the target's names among all containers.
pub(crate) fn find(docker: &DockerDesired, all: &[Listed]) -> Result<Option<Project>, Error> {
    let containers = docker.containers.values();
    let components: BTreeSet<_> = containers.map(|one| one.component.as_str()).collect();
    let mut projects: BTreeMap<&str, Project> = BTreeMap::new();
    for listed in all {
        let labels = [PROJECT, SERVICE].map(|label| listed.labels.get(label));
        let [Some(project), Some(service)] = labels else {
            continue;
        };
        let container = ServiceContainer {
            id: listed.id.clone(),
            service: service.clone(),
            declared: components.contains(service.as_str()),
            host_ports: listed.host_ports.clone(),
            volumes: listed.volumes.clone(),
        };
        let found = projects.entry(project).or_default();
        found.name.clone_from(project);
        found.containers.insert(listed.name.clone(), container);
    }
    projects.retain(|_, project| project.replaced().next().is_some());
    if projects.len() > 1 {
        let names: Vec<_> = projects.keys().map(|name| format!("`{name}`")).collect();
        let message = format!(
            "several Compose projects have services of the target's names: {}",
            names.join(", ")
        );
        return Err(Error::new(Code::PlanForeignObject, message)
            .help("remove all but one: `docker-compose -p PROJECT down`, which keeps volumes"));
    }
    Ok(projects.into_values().next())
}

#[cfg(test)]
mod tests {
    use kcc_lower::docker::Mount;

    use super::*;

    fn listed(project: &str, service: &str) -> Listed {
        Listed {
            name: format!("{project}_{service}_1"),
            id: service.to_owned(),
            labels: BTreeMap::from([
                (PROJECT.to_owned(), project.to_owned()),
                (SERVICE.to_owned(), service.to_owned()),
            ]),
            host_ports: BTreeSet::new(),
            running: true,
            volumes: BTreeMap::from([("/data".to_owned(), format!("{project}_data"))]),
            networks: BTreeSet::new(),
        }
    }

    #[test]
    fn finds_the_project_and_the_source_of_a_volume() {
        let mut web = kcc_test_engines::desired::container("web", "web:1", "shop-dev");
        let volume = Mount::Volume("shop-dev-web-data".to_owned());
        web.mounts.insert("/data".to_owned(), volume);
        let docker = DockerDesired {
            containers: BTreeMap::from([("shop-dev-web".to_owned(), web)]),
            ..DockerDesired::default()
        };
        let all = [
            listed("shop", "web"),
            listed("shop", "old"),
            listed("blog", "www"),
        ];
        let project = find(&docker, &all).unwrap().unwrap();
        assert_eq!(project.name, "shop");
        let replaced: Vec<_> = project.replaced().map(|(name, _)| name.as_str()).collect();
        assert_eq!(replaced, ["shop_web_1"]);
        assert_eq!(
            project.source(&docker, "shop-dev-web-data"),
            Some("shop_data")
        );
        assert_eq!(project.source(&docker, "shop-dev-other"), None);
        assert_eq!(find(&docker, &[listed("blog", "www")]).unwrap(), None);
        let two = [listed("shop", "web"), listed("blog", "web")];
        let error = find(&docker, &two).unwrap_err();
        assert_eq!(error.code, Code::PlanForeignObject);
        assert!(
            error.message.ends_with("`blog`, `shop`"),
            "{}",
            error.message
        );
    }
}
