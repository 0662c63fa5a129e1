//! Checks that every call that changes an engine passes a fail point: the clients make
//! it through `mutate` or `unfenced`.

use regex::Regex;

use crate::{
    assert_none,
    source::{Source, sources},
};

/// The source of the clients.
const CLIENTS: [&str; 2] = [
    "runtime/kcc-docker/src/client",
    "runtime/kcc-kube/src/client",
];

/// Calls of the libraries that change nothing, or nothing of kcc's: a command in a
/// container is a user's own.
const READS: [&str; 19] = [
    "clone",
    "create_exec",
    "download_from_container",
    "events",
    "export_image",
    "info",
    "inspect_container",
    "inspect_exec",
    "inspect_image",
    "inspect_network",
    "inspect_registry_image",
    "inspect_volume",
    "list_containers",
    "list_networks",
    "list_volumes",
    "logs",
    "map_err",
    "resize_exec",
    "start_exec",
];

/// Calls that disturb a container of a copy on purpose, and leave it as it was.
const INJECTED: [&str; 3] = ["disconnect_network", "kill_container", "pause_container"];

/// Functions that only try a change, or ask for a permission.
const TRIES: [&str; 3] = ["dry_run", "dry_run_creation", "may"];

/// Lists the functions with a changing call outside of a fail point.
fn unguarded(sources: &[Source]) -> Vec<String> {
    let function = Regex::new(r"\bfn (\w+)").unwrap();
    let docker = Regex::new(r"\bdocker\s*\.\s*(\w+)\s*\(").unwrap();
    let kube = Regex::new(r"\.\s*(patch|patch_metadata|create|delete|replace|evict)\s*\(").unwrap();
    let guard = Regex::new(r"\b(mutate|unfenced)\(").unwrap();
    let mut complaints = Vec::new();
    for source in sources {
        let code = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        let begins: Vec<_> = function.captures_iter(code).collect();
        for (at, begin) in begins.iter().enumerate() {
            let from = begin.get(0).unwrap().start();
            let to = begins.get(at + 1).map(|next| next.get(0).unwrap().start());
            let body = &code[from..to.unwrap_or(code.len())];
            let calls = if source.name.contains("kcc-docker") {
                &docker
            } else {
                &kube
            };
            let changes = |call: &str| !READS.contains(&call) && !INJECTED.contains(&call);
            let change = calls
                .captures_iter(body)
                .find(|call| changes(&call[1]) && !TRIES.contains(&&begin[1]));
            if let Some(call) = change
                && !guard.is_match(body)
            {
                let (name, function, call) = (&source.name, &begin[1], &call[1]);
                complaints.push(format!(
                    "{name}: `{function}` calls `{call}` outside of `mutate` and `unfenced`"
                ));
            }
        }
    }
    complaints
}

#[test]
fn every_change_of_an_engine_passes_a_fail_point() {
    assert_none(&unguarded(&sources(&CLIENTS)));
}

#[test]
fn finds_violations() {
    let source = |engine: &str, text: &str| Source {
        name: format!("runtime/kcc-{engine}/src/client/x.rs"),
        text: text.to_owned(),
    };
    let bad = [
        source(
            "docker",
            "async fn f(&self) { self.docker.rename_container(id).await }",
        ),
        source("kube", "async fn f(&self) { api.delete(name).await }"),
    ];
    assert_eq!(unguarded(&bad).len(), 2);
    let good = [
        source("docker", "fn f(&self) { self.docker\n.info() }"),
        source(
            "docker",
            "fn f(&self) { let call = self.docker.kill(id); self.mutate(\"kill\", call) }",
        ),
        source("kube", "fn dry_run(&self) { api.patch(name) }"),
    ];
    assert_eq!(unguarded(&good), Vec::<String>::new());
}
