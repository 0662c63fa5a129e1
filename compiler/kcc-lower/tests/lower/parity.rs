//! Tests the parity ledger, and that a drop which a component would notice fails
//! unless the target accepts it.

use crate::support::{ComponentExt as _, System, probe, service, shop::shop};
use kcc_lower::parity::{Field, Verdict, ledger};
use kcc_model::{Check, Component, Millis, Profile, SecretProvider};

fn with_grpc() -> Component {
    let mut api = service("api").port("grpc", 9000);
    api.container.health.readiness = Some(probe(Check::Grpc { port: 9000 }));
    api
}

#[test]
fn a_drop_that_a_component_would_notice_fails() {
    assert_eq!(
        System::docker().with(with_grpc()).errors(),
        [
            "kcc::lower::parity-dropped: `services.api.health.readiness.grpc` has no effect on Docker: \
          neither Docker nor kcc can call the gRPC health service; an open port counts as healthy"
        ]
    );
    System::kubernetes().with(with_grpc()).desired();
}

#[test]
fn a_target_accepts_a_drop_with_a_reason() {
    for pattern in [
        "services.api.health.readiness.grpc",
        "services.*.health",
        "services.api",
    ] {
        System::docker()
            .with(with_grpc())
            .accept(pattern, "a laptop does not need it")
            .desired();
    }
    let elsewhere = System::docker()
        .with(with_grpc())
        .accept("services.web", "no");
    assert_eq!(elsewhere.errors().len(), 1);
}

#[test]
fn the_ledger_contains_every_use_of_a_shop() {
    let mut system = shop(System::docker(), SecretProvider::Generate {});
    let target = system.target();
    let entries = ledger(target);
    let verdict = |path: &str| {
        let entry = entries.iter().find(|entry| entry.path.to_string() == path);
        entry.unwrap_or_else(|| panic!("no {path}")).verdict
    };
    assert_eq!(verdict("services.web.build"), Verdict::Honoured);
    assert!(matches!(
        verdict("services.web.replicas"),
        Verdict::Emulated(_)
    ));
    assert!(matches!(
        verdict("services.web.health.liveness"),
        Verdict::DroppedByNature(_)
    ));
    assert!(matches!(
        verdict("backing.orders.volumes.data.size"),
        Verdict::DroppedByNature(_)
    ));
    assert!(
        entries
            .iter()
            .all(|entry| !matches!(entry.verdict, Verdict::Dropped(_)))
    );
    // The shop uses every field except these.
    let used: Vec<_> = entries.iter().map(|entry| entry.field).collect();
    let all = Field::all().iter();
    let unused: Vec<_> = all
        .filter(|field| !used.contains(field))
        .map(Field::path)
        .collect();
    assert_eq!(
        unused,
        [
            "platform",
            "env.*.field",
            "needs.*.until",
            "start",
            "resources.gpu",
            "hostAliases",
            "hostNetwork",
            "volumes.*.class",
            "volumes.*.ephemeral.exec",
            "volumes.*.ephemeral.mode",
            "volumes.*.mode",
            "volumes.*.propagation",
            "volumes.*.from",
            "volumes.*.readOnly",
            "devices.*",
            "files.*.mode",
            "files.*.owner",
            "security.profile",
            "security.privileged",
            "placement.priorityClass",
            "kubernetes.*",
            "docker.*",
            "ports.*.public",
            "aliases",
            "health.*.grpc",
            "routes.*.tls",
            "rollout.deadline",
            "cronJobs.*.init.*",
            "cronJobs.*.sidecars.*",
            "objects.*",
            "objects.*.kind",
        ]
    );
}

#[test]
fn a_default_does_not_count_as_a_use() {
    let fields = |component| {
        let mut system = System::docker().with(component);
        let entries = ledger(system.target());
        entries
            .iter()
            .map(|entry| entry.field.path())
            .collect::<Vec<_>>()
    };
    let fields_with_defaults = [
        "rollout.gracePeriod",
        "rollout.deadline",
        "security.profile",
        "stateful",
    ];
    let mut web = service("web");
    web.grace_period = Millis(10_000);
    let usual = fields(web);
    assert!(
        fields_with_defaults
            .iter()
            .all(|field| !usual.contains(field)),
        "{usual:?}"
    );
    let mut web = service("web");
    web.grace_period = Millis(45_000);
    web.deadline = Millis(60_000);
    web.stateful = true;
    web.container.security.profile = Profile::Baseline;
    let other = fields(web);
    assert!(
        fields_with_defaults
            .iter()
            .all(|field| other.contains(field)),
        "{other:?}"
    );
}

#[test]
fn serializes_an_entry_with_its_reason() {
    let mut system = System::docker()
        .with(with_grpc())
        .accept("services.api", "a laptop");
    let entries = ledger(system.target());
    let entry = entries
        .iter()
        .find(|entry| entry.field.path() == "health.*.grpc")
        .expect("an entry");
    assert_eq!(
        serde_json::to_value(entry).expect("JSON"),
        serde_json::json!({
            "path": "services.api.health.readiness.grpc",
            "field": "health.*.grpc",
            "verdict": "dropped",
            "because": "neither Docker nor kcc can call the gRPC health service; an open port counts as healthy",
            "accepted": "a laptop",
        })
    );
}
