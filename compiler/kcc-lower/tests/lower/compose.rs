//! Reads the rendered `compose.yaml` with docker-compose itself.

use std::process::Command;

use crate::support::{
    ComponentExt as _, System, job, of_docker, persistent, service, shop::shop, skip,
};
use kcc_lower::{Desired, emit};
use kcc_model::SecretProvider;
use serde_yaml::Value;

/// The possible commands: the standalone program and Docker's plugin.
const COMPOSE: [&[&str]; 2] = [&["docker-compose"], &["docker", "compose"]];

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

fn compose() -> Option<&'static [&'static str]> {
    COMPOSE.into_iter().find(|words| {
        let version = command(words).arg("version").output();
        version.is_ok_and(|output| output.status.success())
    })
}

/// Runs `docker-compose config` on the rendered directory; returns its document or
/// its error.
fn read(desired: &Desired, env: &[(&str, &str)]) -> Option<Result<Value, String>> {
    let words = compose()?;
    let root =
        std::env::temp_dir().join(format!("kcc-compose-{}-{:p}", std::process::id(), desired));
    let folder = root.join("rendered");
    for file in emit::files(desired, "..").expect("files") {
        let path = folder.join(&file.name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, file.content).expect("a file");
    }
    for image in of_docker(desired).images.values() {
        let context = image.build.as_ref().map_or(".", |build| &build.context);
        std::fs::create_dir_all(root.join(context)).expect("a folder to build from");
    }
    let output = command(words)
        .args(["-f", "compose.yaml", "config"])
        .current_dir(&folder)
        .envs(env.iter().copied())
        .output()
        .expect("docker-compose starts");
    std::fs::remove_dir_all(&root).expect("the folder is removed");
    if !output.status.success() {
        return Some(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Some(Ok(
        serde_yaml::from_slice(&output.stdout).expect("docker-compose writes YAML")
    ))
}

fn without_compose() {
    skip(
        "`compose.yaml` is not read by docker-compose",
        "install docker-compose",
    );
}

fn whole_shop() -> Desired {
    shop(System::docker(), SecretProvider::Env("STRIPE".to_owned())).desired()
}

#[test]
fn docker_compose_accepts_it_with_the_same_meaning() {
    let env = [
        ("ORDERS_PASSWORD", "pa$word"),
        ("STRIPE", "sk"),
        ("STRIPE_KEY_FILE", "/dev/null"),
    ];
    let Some(read) = read(&whole_shop(), &env) else {
        return without_compose();
    };
    let document = read.expect("docker-compose accepts it");
    let services = &document["services"];
    let text = |value: &Value| value.as_str().map(str::to_owned).expect("a text");

    let cart = &services["cart"];
    assert_eq!(text(&cart["environment"]["MODE"]), "no");
    assert_eq!(text(&cart["environment"]["STRIPE_KEY"]), "sk");
    // docker-compose doubles a `$` that would otherwise start a variable.
    let url = text(&cart["environment"]["DATABASE_URL"]).replace("$$", "$");
    assert_eq!(url, "postgres://shop:pa$word@orders:5432/$shop");
    assert_eq!(
        text(&cart["depends_on"]["orders"]["condition"]),
        "service_healthy"
    );
    assert_eq!(
        text(&cart["depends_on"]["migrate"]["condition"]),
        "service_completed_successfully"
    );
    assert_eq!(cart["read_only"], Value::Bool(true));
    assert_eq!(text(&cart["user"]), "1000:1000");

    let web = &services["web"];
    assert_eq!(
        text(&web["depends_on"]["cart.health"]["condition"]),
        "service_healthy"
    );
    let greeting = text(&web["environment"]["GREETING"]).replace("$$", "$");
    assert_eq!(greeting, "welcome $(HOME), it costs $5");
    let on = |service: &str, network: &str| services[service]["networks"].get(network).is_some();
    assert!(on("web", "cart") && on("cart", "cart") && on("cart", "orders"));
    assert!(!on("web", "orders"));
    assert!(
        services.get("web-2").is_none(),
        "both replicas are one service"
    );
    // Some versions of docker-compose print a number, others a string.
    let port = &cart["ports"][0]["published"];
    assert!(
        [Value::from(18080), Value::from("18080")].contains(port),
        "{port:?}"
    );

    assert!(document["volumes"].get("orders-data").is_some());
    assert_eq!(
        text(&document["secrets"]["stripe-key"]["file"]),
        "/dev/null"
    );
    assert!(
        services.get("mail").is_none(),
        "an external backing has no container"
    );
}

#[test]
fn docker_compose_refuses_missing_secrets() {
    let Some(read) = read(&whole_shop(), &[("STRIPE", "sk")]) else {
        return without_compose();
    };
    let complaint = read.expect_err("a secret is missing");
    assert!(complaint.contains("the secret"), "{complaint}");
}

#[test]
fn identical_replicas_are_one_service() {
    let mut many = service("many").port("http", 80);
    many.replicas = 3;
    let mut each = service("each").volume("data", "/data", persistent(1));
    (each.replicas, each.stateful) = (2, true);
    let desired = System::docker().with(many).with(each).desired();
    let text = emit::stream(&desired).expect("a stream");
    let document: Value = serde_yaml::from_str(&text).expect("YAML");
    assert_eq!(
        document["services"]["many"]["deploy"]["replicas"],
        Value::from(3)
    );
    assert!(document["services"].get("many-2").is_none());
    for (name, volume) in [("each", "each-data"), ("each-2", "each-data-2")] {
        assert_eq!(
            document["services"][name]["volumes"][0]["source"],
            Value::from(volume)
        );
    }
}

#[test]
fn a_stream_names_the_command_that_writes_its_files() {
    let with = System::docker().with(service("web").file("/etc/x", "1"));
    let text = emit::stream(&with.desired()).expect("a stream");
    assert!(
        text.contains("# Mounts files that `kcc render --target dev -o DIR` writes"),
        "{text}"
    );
    let without = System::docker().with(job("web", 0));
    let text = emit::stream(&without.desired()).expect("a stream");
    assert!(!text.contains("Mounts files"), "{text}");
}
