//! Tests that host ports are kept, avoided and handed over.

use super::*;

#[test]
fn keeps_an_assigned_port_and_avoids_taken_ones() {
    let mut docker = shop();
    let host = |plan: &Plan<Payload>| {
        plan.steps.iter().find_map(|step| match &step.payload {
            Payload::Create(new) | Payload::Replace { new, .. } => {
                new.ports.first().map(|port| port.host)
            }
            _ => None,
        })
    };
    let mut empty = as_desired(&docker);
    empty.containers.remove("shop-dev-web");
    let first = host(&plan(&docker, &empty)).unwrap();
    assert_eq!(
        host(&plan(&docker, &empty)),
        Some(first),
        "the choice is stable"
    );
    empty.taken_ports = BTreeSet::from([first]);
    assert_ne!(host(&plan(&docker, &empty)), Some(first));

    let observed = as_desired(&docker);
    wanted(&mut docker, "web").memory = Some(1 << 20);
    let changed = plan(&docker, &observed);
    assert_eq!(host(&changed), Some(23_456));
    let Payload::Replace { new, .. } = &changed.steps[0].payload else {
        panic!("expected a replacement")
    };
    let kept = HostPort {
        container: 8080,
        protocol: "tcp",
        host: 23_456,
        address: None,
    };
    assert_eq!(new.ports, [kept]);
}

#[test]
fn hands_over_a_host_port_in_one_plan() {
    let mut docker = shop();
    let mut old = container("old", "acme/web:1");
    old.ports.push(Publish {
        container: 80,
        protocol: "tcp",
        host: Some(8080),
        address: None,
    });
    docker.containers.insert("shop-dev-zold".to_owned(), old);
    let observed = as_desired(&docker);
    docker.containers.remove("shop-dev-zold");
    wanted(&mut docker, "web").ports[0].host = Some(8080);
    let plan = plan(&docker, &observed);
    let names: Vec<_> = plan
        .operations()
        .map(|operation| operation.name.as_str())
        .collect();
    assert_eq!(names, ["shop-dev-zold", "shop-dev-web"]);
    assert_eq!(plan.steps[1].operation.after, [1]);
}

#[test]
fn checks_use_a_private_port_with_a_virtual_machine() {
    let mut docker = shop();
    wanted(&mut docker, "web").ports.clear();
    let created = |in_vm: bool, docker: &DockerDesired| {
        let mut observed = as_desired(docker);
        observed.containers.remove("shop-dev-web");
        observed.in_vm = in_vm;
        let plan = plan(docker, &observed);
        let Payload::Create(new) = &plan.steps[0].payload else {
            panic!("expected a creation")
        };
        new.ports.clone()
    };
    assert_eq!(created(false, &docker), []);
    let ports = created(true, &docker);
    assert_eq!(
        (ports.len(), ports[0].container, ports[0].address.is_some()),
        (1, 8080, true)
    );
    // It is not part of the desired state, so its absence changes nothing.
    let mut observed = as_desired(&docker);
    observed.in_vm = true;
    check(&docker, &observed, &[]);
    wanted(&mut docker, "web").ports.push(Publish {
        container: 8080,
        protocol: "tcp",
        host: None,
        address: None,
    });
    assert!(
        created(true, &docker)
            .iter()
            .all(|port| port.address.is_none())
    );
}
