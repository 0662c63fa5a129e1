//! The contents of containers: images, files and secrets.

use kcc_diag::Code;
use kcc_lower::docker::{HostPatch, Mount, MountOptions, Patch, Publish, Ulimit};
use kcc_model::{Check, EnvValue, Ephemeral, Part, SecretProvider, Until};

use super::detail;
use crate::docker::{SHOP, Sandbox, health, publish, shop_program, write};

pub(super) async fn images_are_rebuilt_when_their_context_changes(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let tag = format!("{}-app", sandbox.system);
    std::fs::create_dir_all(sandbox.root.path().join("app")).unwrap();
    std::fs::copy(shop_program(), sandbox.root.path().join("app/shop")).unwrap();
    write(
        sandbox,
        "app/Dockerfile",
        "FROM scratch\nCOPY shop /shop\nCOPY page /page\nENTRYPOINT [\"/shop\"]\n",
    );
    write(sandbox, "app/page", "one");
    write(sandbox, "app/.dockerignore", "*.md\n");
    desired.build("web", &tag, "app");
    desired.serve("web", &[]).image.clone_from(&tag);
    desired.serve("two", &[]).image.clone_from(&tag);
    desired.engine.images.remove(crate::docker::SHOP);
    let report = sandbox.apply_all(&desired).await;
    assert_eq!((report.planned, report.performed), (4, 4));
    write(sandbox, "app/README.md", "left out");
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    write(sandbox, "app/page", "two");
    let plan = sandbox.plan(&desired).await;
    assert!(
        plan.contains("~ update image SYSTEM-app `app` changed") || plan.contains("`app` changed"),
        "{plan}"
    );
    assert!(plan.contains("is rebuilt"), "{plan}");
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.totals().replaced, 2);
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    sandbox.down(&desired, true).await;
    sandbox.testbed.docker(&["rmi", "-f", &tag]);
}

pub(super) async fn a_patch_reaches_the_container_and_replaces_it(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web", &[]);
    sandbox.apply_all(&desired).await;
    let patch = |size: u64| {
        let mut patched = desired.clone();
        let limit = Ulimit {
            name: "nofile".to_owned(),
            soft: 1024,
            hard: 2048,
        };
        patched.serve("web", &[]);
        for container in patched.engine.containers.values_mut() {
            container.docker = Some(Patch {
                hostname: Some("web.example.com".to_owned()),
                host_config: Some(HostPatch {
                    shm_size: Some(size),
                    extra_hosts: Some(vec!["outside:10.0.0.2".to_owned()]),
                    ulimits: Some(vec![limit.clone()]),
                    ..HostPatch::default()
                }),
                ..Patch::default()
            });
        }
        patched
    };
    let plan = sandbox.plan(&patch(1 << 20)).await;
    let cause = "`docker.HostConfig`, `docker.Hostname` changed";
    assert!(plan.contains(cause), "{plan}");
    let report = sandbox.apply_all(&patch(1 << 20)).await;
    assert_eq!(report.totals().replaced, 1);
    let name = format!("{}-dev-web", sandbox.system);
    let shown = "{{.Config.Hostname}} {{.HostConfig.ShmSize}} {{.HostConfig.ExtraHosts}} \
                 {{(index .HostConfig.Ulimits 0).Soft}} {{.HostConfig.Memory}}";
    let inspect = ["inspect", "--format", shown, &name];
    let expected = format!(
        "web.example.com 1048576 [outside:10.0.0.2] 1024 {}",
        64 << 20
    );
    assert_eq!(sandbox.testbed.docker(&inspect).trim(), expected);
    assert_eq!(sandbox.apply_all(&patch(1 << 20)).await.mutating_calls, 0);
    let plan = sandbox.plan(&patch(2 << 20)).await;
    assert!(plan.contains("`docker.HostConfig` changed"), "{plan}");
}

pub(super) async fn host_aliases_are_in_the_hosts_file(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web", &[]);
    sandbox.apply_all(&desired).await;
    let address = "10.0.0.7".parse().unwrap();
    for container in desired.engine.containers.values_mut() {
        let aliases = &mut container.host_aliases;
        aliases.insert("db.internal".to_owned(), address);
    }
    let plan = sandbox.plan(&desired).await;
    assert!(plan.contains("`hostAliases` changed"), "{plan}");
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.totals().replaced, 1);
    let name = format!("{}-dev-web", sandbox.system);
    let inspect = ["inspect", "--format", "{{.HostConfig.ExtraHosts}}", &name];
    let shown = sandbox.testbed.docker(&inspect);
    assert_eq!(shown.trim(), "[db.internal:10.0.0.7]");
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn a_shared_volume_is_written_by_one_and_read_by_another(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let volume = desired.shared_volume("media");
    let writer = desired.script("writer", "echo hello >/srv/page; busybox sleep 600");
    writer.user = Some("0:0".to_owned());
    writer
        .mounts
        .insert("/srv".to_owned(), Mount::Volume(volume.clone()));
    let script = "until busybox test -s /media/page; do busybox sleep 0.1; done; \
                  echo read $(busybox cat /media/page); \
                  echo x >/media/page || echo refused; busybox sleep 600";
    let reader = desired.script("reader", script);
    reader.user = Some("0:0".to_owned());
    reader
        .mounts
        .insert("/media".to_owned(), Mount::Volume(volume.clone()));
    let options = MountOptions {
        read_only: true,
        propagation: None,
    };
    reader.mount_options.insert("/media".to_owned(), options);
    sandbox.apply_all(&desired).await;
    let name = desired.name("reader");
    let mut log = String::new();
    for _ in 0..50 {
        log = sandbox.testbed.docker(&["logs", &name]);
        if log.contains("refused") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert!(
        log.contains("read hello") && log.contains("refused"),
        "{log}"
    );
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);

    // Its labels alone prove that it is kcc's, and only `--volumes` removes it.
    sandbox.testbed.lose_record(&sandbox.system, "dev");
    let (full, options) = (desired.finish(), sandbox.options());
    let recovery = kcc_docker::recover(&full, &options).await.unwrap();
    let mut names = recovery.recoverable().map(|object| object.name.clone());
    assert!(names.any(|name| name == volume), "{recovery:#?}");
    sandbox.down(&desired, false).await;
    assert_eq!(sandbox.list("volume"), [volume]);
    sandbox.down(&desired, true).await;
    assert_eq!(sandbox.list("volume"), [""; 0]);
}

pub(super) async fn a_port_is_published_on_one_address(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired.serve("web", &[]).ports.push(Publish {
        address: Some(std::net::Ipv4Addr::LOCALHOST.into()),
        ..publish(8080, None)
    });
    sandbox.apply_all(&desired).await;
    let name = desired.name("web");
    let shown = "{{(index (index .NetworkSettings.Ports \"8080/tcp\") 0).HostIp}}";
    let inspect = ["inspect", "--format", shown, &name];
    assert_eq!(sandbox.testbed.docker(&inspect).trim(), "127.0.0.1");
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn files_that_are_not_text_keep_their_bytes(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let web = desired.script("web", "busybox od -An -tx1 /srv/logo; busybox sleep 600");
    // The bytes 89 50 00 ff.
    let encoded = "iVAA/w==".to_owned();
    web.binary_files.insert("/srv/logo".to_owned(), encoded);
    sandbox.apply_all(&desired).await;
    let name = desired.name("web");
    let mut log = String::new();
    for _ in 0..50 {
        log = sandbox.testbed.docker(&["logs", &name]);
        if !log.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(log.trim(), "89 50 00 ff");
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
}

pub(super) async fn a_component_on_the_hosts_network_is_reached_by_its_name(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    let web = desired.serve("web", &["--listen", ":18477"]);
    web.host_network = true;
    web.networks.clear();
    web.health = Some(health(Check::Http {
        path: "/healthz".to_owned(),
        port: 18_477,
    }));
    let call = ["migrate", "--dial", "web:18477"];
    desired.add("call", SHOP, &call).on_host = vec!["web".to_owned()];
    desired.job("call");
    desired.after("call", "web", Until::Healthy);
    sandbox.apply_all(&desired).await;
    assert!(sandbox.status(&desired).await.is_ready());
    assert_eq!(sandbox.apply_all(&desired).await.mutating_calls, 0);
    // The new container needs the port that the old one holds.
    let variable = EnvValue::Literal("b".to_owned());
    desired
        .container("web")
        .env
        .insert("A".to_owned(), variable);
    let report = sandbox.apply_all(&desired).await;
    assert_eq!(report.totals().replaced, 1);
    sandbox.down(&desired, true).await;
}

pub(super) async fn secrets_reach_only_the_container(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    write(sandbox, "token", "t0ken-value\n");
    desired
        .engine
        .secrets
        .insert("db-password".to_owned(), SecretProvider::Generate {});
    desired
        .engine
        .secrets
        .insert("token".to_owned(), SecretProvider::File("token".to_owned()));
    let script = "echo I am $PASSWORD and $URL; busybox cat /run/token; echo; busybox sleep 600";
    let web = desired.script("web", script);
    web.env.insert(
        "PASSWORD".to_owned(),
        EnvValue::Secret("db-password".to_owned()),
    );
    let url = vec![
        Part::Text("db://:".to_owned()),
        Part::Secret("db-password".to_owned()),
    ];
    web.env.insert("URL".to_owned(), EnvValue::Template(url));
    web.mounts
        .insert("/run/token".to_owned(), Mount::Secret("token".to_owned()));
    web.health = Some(health(Check::Tcp { port: 1 }));
    desired.component("web").deadline_ms = 1_000;
    let report = sandbox.apply(&desired).await;

    let value = sandbox.secrets()["db-password"].clone();
    let log = sandbox.testbed.docker(&["logs", &sandbox.name("web")]);
    assert_eq!(log, format!("I am {value} and db://:{value}\nt0ken-value"));
    assert_eq!(detail(&report, "web"), "I am *** and db://:***\n***");

    let labels = sandbox.inspect("web", "{{json .Config.Labels}}");
    let mut texts = vec![
        format!("{report:?}"),
        labels,
        sandbox.recorder.lines().join("\n"),
    ];
    texts.push(sandbox.testbed.record_text(&sandbox.system, "dev"));
    for text in texts {
        assert!(
            !text.contains(&value) && !text.contains("t0ken-value"),
            "{text}"
        );
    }
    // The value is stored: nothing changes, and a new container gets the same one.
    assert_eq!(sandbox.apply(&desired).await.mutating_calls, 0);
    desired.engine.secrets.insert(
        "token".to_owned(),
        SecretProvider::Env("NOT_SET".to_owned()),
    );
    desired.container("web").args = Some(vec!["busybox sleep 600".to_owned()]);
    let error = sandbox.try_apply(&desired).await.unwrap_err();
    assert_eq!((error.code, error.exit_code()), (Code::ApplySecret, 3));
}

pub(super) async fn files_reach_a_read_only_root(sandbox: &Sandbox) {
    let mut desired = sandbox.desired();
    desired
        .engine
        .secrets
        .insert("key".to_owned(), SecretProvider::Generate {});
    let script = "busybox cat /etc/app/a.toml /etc/app/deep/b.toml; busybox wc -c </run/keys/key; \
                  busybox touch /x 2>/dev/null || echo read-only; busybox touch /tmp/x && echo tmp; busybox sleep 600";
    let web = desired.script("web", script);
    web.read_only = true;
    web.files
        .insert("/etc/app/a.toml".to_owned(), "a = 1\n".to_owned());
    web.files
        .insert("/etc/app/deep/b.toml".to_owned(), "b = 2\n".to_owned());
    web.mounts
        .insert("/run/keys/key".to_owned(), Mount::Secret("key".to_owned()));
    web.mounts
        .insert("/tmp".to_owned(), Mount::Tmpfs(Ephemeral::default()));
    sandbox.apply_all(&desired).await;
    let log = sandbox.testbed.docker(&["logs", &sandbox.name("web")]);
    assert_eq!(log, "a = 1\nb = 2\n32\nread-only\ntmp");
    desired
        .container("web")
        .files
        .insert("/etc/app/a.toml".to_owned(), "a = 2\n".to_owned());
    assert!(
        sandbox
            .plan(&desired)
            .await
            .contains("`files./etc/app/a.toml` changed")
    );
    sandbox.apply_all(&desired).await;
    assert!(
        sandbox
            .testbed
            .docker(&["logs", &sandbox.name("web")])
            .starts_with("a = 2\n")
    );
}
