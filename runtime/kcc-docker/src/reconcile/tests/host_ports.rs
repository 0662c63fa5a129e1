//! Host ports: kept, avoided, handed over.

use super::*;

#[test]
fn a_port_without_a_number_is_kept_and_avoids_what_is_taken() {
    let mut docker = shop();
    let host = |plan: &Plan<Work>| {
        plan.steps.iter().find_map(|step| match &step.work {
            Work::Create(new) | Work::Replace { new, .. } => {
                new.ports.first().map(|port| port.host)
            }
            _ => None,
        })
    };
    let mut empty = as_desired(&docker);
    empty.containers.remove("shop-dev-web");
    let first = host(&plan(&docker, &empty)).unwrap();
    assert_eq!(host(&plan(&docker, &empty)), Some(first), "it is stable");
    empty.taken_ports = BTreeSet::from([first]);
    assert_ne!(host(&plan(&docker, &empty)), Some(first));

    let observed = as_desired(&docker);
    wanted(&mut docker, "web").memory = Some(1 << 20);
    let changed = plan(&docker, &observed);
    assert_eq!(host(&changed), Some(23_456));
    let Work::Replace { new, .. } = &changed.steps[0].work else {
        panic!("it is replaced")
    };
    let kept = HostPort {
        container: 8080,
        protocol: "tcp",
        host: 23_456,
        private: false,
    };
    assert_eq!(new.ports, [kept]);
}

#[test]
fn a_host_port_is_handed_over_in_one_plan() {
    let mut docker = shop();
    let mut old = container("old", "acme/web:1");
    old.ports.push(Publish {
        container: 80,
        protocol: "tcp",
        host: Some(8080),
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
fn in_a_virtual_machine_checks_go_through_a_private_port() {
    let mut docker = shop();
    wanted(&mut docker, "web").ports.clear();
    let made = |in_machine: bool, docker: &DockerDesired| {
        let mut observed = as_desired(docker);
        observed.containers.remove("shop-dev-web");
        observed.in_machine = in_machine;
        let plan = plan(docker, &observed);
        let Work::Create(new) = &plan.steps[0].work else {
            panic!("it is made")
        };
        new.ports.clone()
    };
    assert_eq!(made(false, &docker), []);
    let ports = made(true, &docker);
    assert_eq!(
        (ports.len(), ports[0].container, ports[0].private),
        (1, 8080, true)
    );
    // It is no part of what is asked for: nothing changes where it is there.
    let mut observed = as_desired(&docker);
    observed.in_machine = true;
    check(&docker, &observed, &[]);
    wanted(&mut docker, "web").ports.push(Publish {
        container: 8080,
        protocol: "tcp",
        host: None,
    });
    assert!(made(true, &docker).iter().all(|port| !port.private));
}
