//! Tests the sequence of calls of each kind of operation, and their undo.

use kcc_lower::docker::InitStep;
use kcc_test_engines::desired;

use super::*;

fn new(container: Container) -> Arc<NewContainer> {
    Arc::new(NewContainer {
        container,
        path: "services.web".to_owned(),
        ports: Vec::new(),
        labels: std::collections::BTreeMap::new(),
        job: None,
        deadline_ms: 0,
    })
}

fn web() -> Container {
    desired::container("web", "acme/web:1", "shop-dev")
}

/// Shows the calls in a few words each, and in a line of its own what undoes them.
fn shown(parts: &[Calls<Call>]) -> Vec<String> {
    let mut lines = Vec::new();
    for part in parts {
        lines.extend(part.calls.iter().map(show));
        let undo: Vec<_> = part.undo.iter().map(show).collect();
        let outcome = part.outcome.map(|outcome| format!(": {outcome}"));
        lines.push(format!(
            "else {}{}",
            undo.join(", "),
            outcome.unwrap_or_default()
        ));
    }
    lines
}

fn show(call: &Call) -> String {
    let of = |subject: &Subject| match &subject.target {
        Target::Existing(id) => format!("#{id}"),
        Target::Created(name) => name.clone(),
    };
    match call {
        Call::CheckImageUsers(_) => "check users".to_owned(),
        Call::Create(creation) => format!("create {}", creation.name),
        Call::Connect {
            container, network, ..
        } => format!("connect {} to {network}", of(container)),
        Call::Upload {
            container,
            directory,
            ..
        } => format!("upload {} {directory}", of(container)),
        Call::CreateDirectoryHelper { name, .. } => format!("create {name}"),
        Call::UnpackDirectories(helper) => format!("unpack {}", of(helper)),
        Call::Start { container, .. } => format!("start {}", of(container)),
        Call::Await {
            container,
            until,
            since,
            ..
        } => format!("await {} {until:?} since {since}", of(container)),
        Call::Stop(container) => format!("stop {}", of(container)),
        Call::Remove(container) => format!("remove {}", of(container)),
        Call::Rename { container, name } => format!("rename {} {name}", of(container)),
        other => format!("{other:?}"),
    }
}

fn replaced(container: Container, how: Replacement) -> Vec<String> {
    let payload = Payload::Replace {
        new: new(container),
        old: "1f".to_owned(),
        how,
    };
    shown(&calls("web", &payload))
}

#[test]
fn a_container_is_complete_before_it_starts() {
    let mut container = web();
    container
        .networks
        .insert("shop-dev-tail".to_owned(), Vec::new());
    container
        .files
        .insert("/etc/web.toml".to_owned(), String::new());
    container
        .mounts
        .insert("/data".to_owned(), Mount::Volume("data".to_owned()));
    for step in ["one", "two"] {
        container.init.push(InitStep {
            name: step.to_owned(),
            container: web(),
        });
    }
    assert_eq!(
        shown(&calls("web", &Payload::Create(new(container)))),
        [
            "check users",
            "create web",
            "connect web to shop-dev-tail",
            "upload web /",
            "create web_directories",
            "unpack web_directories",
            "remove web_directories",
            "create web_one",
            "start web_one",
            "await web_one Completed since web_one",
            "remove web_one",
            "create web_two",
            "start web_two",
            "await web_two Completed since web_one",
            "remove web_two",
            "start web",
            "else remove web_one, remove web_two, remove web_directories, remove web",
        ]
    );
}

#[test]
fn the_old_container_runs_until_the_new_one_has_proved_itself() {
    assert_eq!(
        replaced(web(), Replacement::Overlap),
        [
            "check users",
            "create web.new",
            "else remove web.new_directories, remove web.new",
            "start web.new",
            "await web.new Healthy since web.new",
            "else remove web.new_directories, remove web.new: the previous container keeps running",
            "stop #1f",
            "remove #1f",
            "rename web.new web",
            "else ",
        ]
    );
}

#[test]
fn what_was_stopped_starts_again_if_the_new_container_fails() {
    let stop_first = |until| Replacement::StopFirst {
        sidecars: vec!["web_agent".to_owned()],
        until,
        resumes: until.is_some(),
    };
    let before = [
        "check users",
        "create web.new",
        "else remove web.new_directories, remove web.new",
        "stop #1f",
        "start web.new",
    ];
    let after = ["remove #1f", "rename web.new web", "else "];
    let service = [
        "await web.new Started since web.new",
        "else remove web.new_directories, remove web.new, start #1f, stop #web_agent, \
         start #web_agent: restarted the previous container",
    ];
    assert_eq!(
        replaced(web(), stop_first(Some(Until::Started))),
        [&before[..], &service, &after].concat()
    );
    // A job's work is not done once more.
    let job = ["else remove web.new_directories, remove web.new, stop #web_agent"];
    assert_eq!(
        replaced(web(), stop_first(None)),
        [&before[..], &job, &after].concat()
    );
}

#[test]
fn a_container_on_demand_gets_its_name_when_it_is_complete() {
    let mut container = web();
    container.on_demand = true;
    container
        .files
        .insert("/etc/web.toml".to_owned(), String::new());
    assert_eq!(
        shown(&calls("web", &Payload::Create(new(container.clone())))),
        [
            "check users",
            "create web.new",
            "upload web.new /",
            "rename web.new web",
            "else remove web.new_directories, remove web.new",
        ]
    );
    assert_eq!(
        replaced(container, Replacement::AtRest),
        [
            "check users",
            "create web.new",
            "upload web.new /",
            "else remove web.new_directories, remove web.new",
            "stop #1f",
            "remove #1f",
            "rename web.new web",
            "else ",
        ]
    );
}

#[test]
fn only_existing_containers_are_stopped_and_removed() {
    let id = || "1f".to_owned();
    let removal = Payload::RemoveContainer { id: id() };
    assert_eq!(
        shown(&calls("web", &removal)),
        ["stop #1f", "remove #1f", "else "]
    );
    let restart = Payload::Restart {
        id: id(),
        job: None,
    };
    assert_eq!(
        shown(&calls("web", &restart)),
        ["stop #1f", "start #1f", "else "]
    );
}
