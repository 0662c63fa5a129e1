//! The cases. Each works on a copy of the shop with a name of its own.

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use kcc_test_engines::{
    archive::{Changes, is_restored_from_an_archive, without},
    get,
    history::keeps_a_history,
    outcome, report,
    shop::{
        COMPONENTS, Shop as _, all_outputs, applies_one_variable, comes_up_and_is_stable,
        fails_without_its_engine, one_apply_at_a_time, take_down,
    },
    timeline::{Lanes, record_until_killed, shows_applies},
};
use kcc_test_support::CommandOutput;

use crate::shop::Shop;

pub(crate) type Case = fn(&Shop);

macro_rules! cases {
    ($($name:ident,)*) => {
        pub(crate) const ALL: &[(&str, Case)] = &[$((stringify!($name), $name),)*];
    };
}

cases! {
    the_shop_comes_up_and_stays,
    one_variable_replaces_one_service,
    undeclared_needs_are_unreachable,
    a_plan_is_applied_as_shown_or_not_at_all,
    one_component_is_applied_with_its_needs,
    waiting_ends_with_readiness,
    killed_containers_are_restored,
    a_lost_record_is_never_all_clear,
    another_user_and_home_share_the_record,
    revisions_are_listed_shown_and_applied_again,
    the_engine_has_a_lane_of_its_own,
    the_journal_outlives_the_events_of_the_engine,
    a_recording_goes_on_after_a_kill,
    a_lost_engine_is_restored_from_an_archive,
    down_keeps_the_data_without_volumes,
    a_failing_check_ends_with_its_reason,
    an_interrupted_apply_ends_with_exit_code_4,
    a_second_apply_waits,
    an_instance_runs_next_to_the_target,
    programs_run_while_a_target_is_up,
    everyday_commands_work,
    output_contains_no_secrets,
    missing_secrets_are_all_reported_at_once,
    an_unreachable_engine_is_an_environment_error,
    a_root_image_replaces_nothing_unless_allowed,
}

fn the_shop_comes_up_and_stays(shop: &Shop) {
    shop.plan();
    assert!(!shop.has_record(), "a plan changes nothing");
    let address = format!("0.0.0.0:{}", shop.port);
    comes_up_and_is_stable(shop, &["1/1", &address]);
}

fn one_variable_replaces_one_service(shop: &Shop) {
    shop.apply();
    let before = shop.ids();
    applies_one_variable(shop, "replace", "container", "replaced");
    let web = shop.name("web");
    for ((name, old), (_, new)) in before.iter().zip(&shop.ids()) {
        assert_eq!(old == new, *name != web, "{name}");
    }
}

fn undeclared_needs_are_unreachable(shop: &Shop) {
    shop.edit(
        "teams/storefront/web.cue",
        "\"$(CART_URL)\"",
        "\"$(CART_URL)\", \"--call\", \"http://payments:8080\"",
    );
    shop.apply();
    let (status, page) = shop.page();
    assert_eq!(status, 502, "{page:#}");
    let error = page["calls"][1]["error"].as_str().unwrap_or_default();
    assert!(error.contains("lookup payments"), "{page:#}");
    // Others reach it, and so does this service once it declares the need.
    assert_eq!(page["calls"][0]["answer"]["ok"], true, "{page:#}");
    shop.edit(
        "teams/storefront/web.cue",
        "needs: cart: {}",
        "needs: {cart: {}, payments: {}}",
    );
    let operations = shop.plan();
    assert_eq!(
        operations.len(),
        1,
        "only the service with the new need: {operations:#?}"
    );
    shop.apply();
    assert_eq!(shop.page().0, 200);
}

fn a_plan_is_applied_as_shown_or_not_at_all(shop: &Shop) {
    let make = ["plan", "--target", "dev", "-o", "plan.json"];
    shop.run_ok(&make);
    shop.run_ok(&["apply", "plan.json"]);
    assert_eq!(shop.page().0, 200);
    let ids = shop.ids();
    let refused = |args: &[&str], why: &str| {
        let ran = shop.run(args);
        assert_eq!(ran.code, Some(3), "{ran:#?}");
        let message = ran.err.replace("\n  │ ", " ");
        assert!(
            message.contains("apply::stale-plan") && message.contains(why),
            "{ran:#?}"
        );
        assert_eq!(shop.ids(), ids, "a refusal changes nothing");
    };
    // It is done.
    refused(&["apply", "plan.json"], "is no longer needed");
    shop.edit("teams/storefront/web.cue", "\"welcome\"", "\"hello\"");
    refused(&["apply", "plan.json"], "the desired state has changed");
    shop.run_ok(&make);
    shop.docker(&["rm", "-f", &shop.name("cart")]);
    let ran = shop.run(&["apply", "plan.json"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.err.contains("cart"), "{ran:#?}");
    shop.run_ok(&make);
    shop.run_ok(&["apply", "plan.json"]);
    assert_eq!(
        shop.run(&["plan", "--target", "dev", "--exit-code"]).code,
        Some(0)
    );
}

fn one_component_is_applied_with_its_needs(shop: &Shop) {
    let cart = ["apply", "--target", "dev", "--only", "cart"];
    shop.run_ok(&cart);
    let names: Vec<_> = shop.ids().into_iter().map(|(name, _)| name).collect();
    assert!(names.contains(&shop.name("cart")), "{names:?}");
    assert!(!names.contains(&shop.name("web")), "{names:?}");
    shop.apply();
    let before = shop.ids();
    shop.edit("teams/storefront/web.cue", "\"welcome\"", "\"hello\"");
    shop.run_ok(&cart);
    assert_eq!(shop.ids(), before);
    let plan = shop.run_ok(&["plan", "--target", "dev", "--only", "cart"]);
    assert!(plan.contains("nothing to do"), "{plan}");
    shop.run_ok(&["apply", "--target", "dev", "--only", "web"]);
    for ((name, old), (_, new)) in before.iter().zip(&shop.ids()) {
        assert_eq!(old == new, *name != shop.name("web"), "{name}");
    }
}

fn waiting_ends_with_readiness(shop: &Shop) {
    let absent = shop.run(&["wait", "--target", "dev", "--timeout", "1s"]);
    assert_eq!(absent.code, Some(4), "{absent:#?}");
    assert!(absent.out.contains("web: absent, 0/1 ready"), "{absent:#?}");
    shop.apply();
    shop.run_ok(&["wait", "--target", "dev"]);
    let cart = shop.name("cart");
    shop.docker(&["kill", &cart]);
    let wait = ["wait", "cart", "--target", "dev", "--timeout", "60s"];
    let mut command = shop.command(&wait);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    shop.docker(&["start", &cart]);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let states = ["cart: failed, 0/1 ready", "cart: running, 1/1 ready"];
    assert!(states.iter().all(|state| lines.contains(state)), "{lines}");
}

fn killed_containers_are_restored(shop: &Shop) {
    shop.apply();
    shop.docker(&["kill", &shop.name("cart")]);
    shop.docker(&["rm", "-f", &shop.name("payments")]);
    assert_eq!(shop.page().0, 502);
    let status = shop.run(&["status", "--target", "dev"]);
    assert!(
        status.out.contains("exited with exit code 137"),
        "{}",
        status.out
    );
    let report = shop.apply();
    assert_eq!(
        (outcome(&report, "cart"), outcome(&report, "payments")),
        ("updated", "created")
    );
    assert_eq!(outcome(&report, "web"), "unchanged");
    assert_eq!(shop.page().0, 200);
}

fn a_lost_record_is_never_all_clear(shop: &Shop) {
    shop.apply();
    let status = ["status", "--target", "dev", "--exit-code"];
    let before = shop.run(&status);
    assert_eq!(before.code, Some(0), "{before:#?}");
    shop.testbed.lose_record(&shop.name, "dev");
    let ran = shop.run(&status);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    // Each component says so, with the way out; everything runs as before.
    let web = format!(
        "`web`: container `{}` is not in kcc's record; run `kcc recover --target dev`",
        shop.name("web")
    );
    for line in ["web        storefront  running", &web] {
        assert!(
            ran.out.lines().any(|found| found.starts_with(line)),
            "{line}: {}",
            ran.out
        );
    }
    let network = shop.list("network").remove(0);
    assert!(
        ran.out.contains(&format!("network `{network}`")),
        "{}",
        ran.out
    );
    shop.run_ok(&["recover", "--target", "dev"]);
    let after = shop.run(&status);
    assert_eq!((after.code, after.out), (Some(0), before.out));
}

fn another_user_and_home_share_the_record(shop: &Shop) {
    shop.apply();
    let home = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = shop.command(args);
        let ran = CommandOutput::of(command.env("HOME", home.path()).env("USER", "bob"));
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        ran.out
    };
    let plan = run(&["plan", "--target", "dev"]);
    assert!(plan.contains("nothing to do"), "{plan}");
    // The passwords that open the data come from the engine as well.
    let again = report(&run(&["apply", "--target", "dev", "--format", "json"]));
    assert_eq!(again["mutatingCalls"], 0, "{again:#}");
    run(&["down", "--target", "dev", "--volumes"]);
    assert_eq!(shop.objects(), [""; 0]);
    assert!(shop.secrets().is_empty() && !shop.has_record());
    let left = fs::read_dir(home.path()).unwrap().count();
    assert_eq!(left, 0, "nothing is in a home directory");
}

fn the_engine_has_a_lane_of_its_own(shop: &Shop) {
    shop.apply();
    shop.docker(&["kill", "--signal", "KILL", &shop.name("web")]);
    shop.docker(&["rm", "-f", &shop.name("cart")]);
    let engine = shop.docker(&["info", "--format", "{{.Name}}"]);
    let lanes = Lanes::of(shop);
    shows_applies(shop, &lanes, &engine, 1);
    let observations = lanes.observations();
    for (object, event) in [
        ("container web", "started"),
        ("container web", "received signal 9"),
        ("container web", "ended with exit code 137"),
        ("container cart", "removed"),
    ] {
        let expected = (engine.as_str(), object, event);
        assert!(
            observations.contains(&expected),
            "{expected:?}: {observations:#?}"
        );
    }
    let only = shop.run_ok(&["timeline", "web", "--target", "dev", "--since", "-1h"]);
    assert!(
        only.contains("container web") && !only.contains("container cart"),
        "{only}"
    );
}

fn the_journal_outlives_the_events_of_the_engine(shop: &Shop) {
    shop.apply();
    let segments = || shop.testbed.segments(&shop.name, "dev");
    let applied = segments();
    assert_eq!(applied.len(), 1, "an apply keeps what it has seen");
    let engine = shop.docker(&["info", "--format", "{{.Name}}"]);
    shop.docker(&["kill", "--signal", "KILL", &shop.name("web")]);
    shop.docker(&["rm", "-f", &shop.name("cart")]);
    // Any command that looks keeps it, and one that finds nothing new writes nothing. The
    // engine reports what follows from the kill for some time.
    shop.run(&["status", "--target", "dev"]);
    assert!(segments().len() > applied.len(), "{:?}", segments());
    let finds_nothing_new = || {
        let kept = segments();
        shop.run_ok(&["drift", "--target", "dev", "--settle", "0s"]);
        segments() == kept
    };
    assert!((0..20).any(|_| finds_nothing_new()), "{:?}", segments());
    let killed = (engine.as_str(), "container web", "received signal 9");
    let removed = (engine.as_str(), "container cart", "removed");
    let lanes = Lanes::of(shop);
    assert!(lanes.journaled().iter().all(|(on, ..)| *on != engine));
    // The engine holds the last 256 events, of all its objects.
    let own: Vec<_> = (0..135)
        .map(|number| format!("{}-flood-{number}", shop.name))
        .collect();
    for name in &own {
        shop.docker(&["volume", "create", name]);
    }
    let remove = ["volume", "rm"]
        .into_iter()
        .chain(own.iter().map(String::as_str));
    shop.docker(&remove.collect::<Vec<_>>());
    let held = [
        "events",
        "--since=1h",
        "--until=0s",
        "--filter=event=destroy",
    ];
    assert_eq!(
        shop.docker(&[&held[..], &["--filter=type=container"]].concat()),
        ""
    );
    let lanes = Lanes::of(shop);
    for expected in [killed, removed] {
        assert!(
            lanes.journaled().contains(&expected),
            "{:#?}",
            lanes.observations()
        );
    }
    let count = |all: &[(&str, &str, &str)]| all.iter().filter(|one| **one == removed).count();
    assert_eq!(count(&lanes.observations()), 1);
    // Between the two nobody can tell.
    let gap = "the engine does not hold the events of this time any more";
    assert_eq!(lanes.gaps(), [(engine.as_str(), gap)]);
    let text = shop.run_ok(&["timeline", "--target", "dev"]);
    assert!(text.contains(gap), "{text}");
    // A log that somebody wrote tells what happened there.
    let log = serde_json::json!({"Type": "container", "Action": "pause", "time": 1_790_000_000,
        "timeNano": 1_790_000_000_000_000_000_i64, "Actor": {"ID": "f00", "Attributes": {
            "name": shop.name("cart"), "dev.kcc.system": shop.name, "dev.kcc.target": "dev",
            "dev.kcc.component": "cart"}}});
    fs::write(shop.path("events.json"), format!("{log}\n")).unwrap();
    for more in [&["--docker-events", "events.json"][..], &[]] {
        let lanes = Lanes::with(shop, more);
        let paused = (engine.as_str(), "container cart", "paused");
        assert!(lanes.observations().contains(&paused), "{more:?}");
    }
    // It goes with the record.
    shop.run_ok(&["down", "--target", "dev", "--volumes"]);
    assert!(!shop.has_record(), "{:?}", segments());
    shop.run(&["status", "--target", "dev"]);
    assert!(!shop.has_record(), "{:?}", segments());
}

fn a_recording_goes_on_after_a_kill(shop: &Shop) {
    shop.apply();
    let engine = shop.docker(&["info", "--format", "{{.Name}}"]);
    let pause = || {
        shop.docker(&["pause", &shop.name("web")]);
        shop.docker(&["unpause", &shop.name("web")]);
    };
    let before = shop.testbed.segments(&shop.name, "dev").len();
    record_until_killed(shop, pause);
    assert!(shop.testbed.segments(&shop.name, "dev").len() > before);
    // Nobody watches, and the engine holds it for the next one.
    pause();
    let again = shop.run(&["record", "--target", "dev", "--for", "2s"]);
    assert_eq!(again.code, Some(0), "{again:#?}");
    assert!(again.out.contains("gaps 0"), "{again:#?}");
    let lanes = Lanes::of(shop);
    let own = (engine.as_str(), "container web", "paused");
    let count = lanes
        .observations()
        .iter()
        .filter(|one| **one == own)
        .count();
    assert_eq!((count, lanes.gaps()), (2, Vec::new()));
    let missing = shop.run(&[
        "record",
        "--target",
        "dev",
        "--instance",
        "none",
        "--for",
        "1s",
    ]);
    missing.assert_stderr_contains("has no revisions");
}

fn revisions_are_listed_shown_and_applied_again(shop: &Shop) {
    keeps_a_history(shop, || {
        shop.docker(&["rm", "-f", &shop.name("cart")]);
        shop.docker(&["kill", &shop.name("checkout")]);
    });
    let record = shop.testbed.record_text(&shop.name, "dev");
    for secret in shop.secrets().values() {
        assert!(
            !record.contains(secret.as_str()),
            "a secret is in the record"
        );
    }
    // A history that is lost is made again, and blocks nothing from then on.
    let numbers = || -> Vec<String> {
        let history = shop.run_ok(&["history", "--target", "dev"]);
        let rows = history.lines().filter(|line| !line.contains("taken down"));
        let numbers = rows.filter_map(|line| line.split_whitespace().next());
        numbers.map(str::to_owned).collect()
    };
    let before = numbers();
    shop.testbed.lose_history(&shop.name, "dev");
    shop.edit("teams/storefront/web.cue", "\"after\"", "\"calm\"");
    let lost = shop.run(&["apply", "--target", "dev"]);
    assert_eq!(lost.code, Some(3), "{lost:#?}");
    lost.assert_stderr_contains("its history is not there");
    let recovered = shop.run(&["recover", "--target", "dev"]);
    assert_eq!(recovered.code, Some(0), "{recovered:#?}");
    recovered.assert_stderr_contains("the history is damaged");
    assert_eq!(numbers(), before);
    shop.apply();
    assert_eq!(numbers().len(), before.len() + 1);
}

fn a_lost_engine_is_restored_from_an_archive(shop: &Shop) {
    let web = shop.name("web");
    is_restored_from_an_archive(
        shop,
        &Changes {
            objects: &|| objects(shop),
            drift: &|| {
                shop.docker(&["update", "--restart=no", &web]);
                format!("container/{web}:restart")
            },
            conflicts: false,
            destroy: &|| {
                shop.testbed.remove(&shop.system_name());
                assert!(!shop.has_record());
            },
        },
    );
}

/// Returns all objects of the shop but its record, without what every new one has of its
/// own, and with the names of secrets for their values.
fn objects(shop: &Shop) -> serde_json::Value {
    const OWN: [&str; 22] = [
        "Id",
        "Created",
        "CreatedAt",
        "State",
        "ResolvConfPath",
        "HostnamePath",
        "HostsPath",
        "LogPath",
        "RestartCount",
        "GraphDriver",
        "SandboxID",
        "SandboxKey",
        "EndpointID",
        "Gateway",
        "IPAddress",
        "MacAddress",
        "NetworkID",
        "Hostname",
        "Containers",
        "IPAM",
        "Mountpoint",
        "Source",
    ];
    let mut text = String::new();
    for kind in ["container", "network", "volume"] {
        for name in shop.list(kind) {
            text += &shop.docker(&[kind, "inspect", "--format={{json .}}", &name]);
            text.push('\n');
        }
    }
    let ids = shop.ids();
    for (name, secret) in shop.secrets() {
        text = text.replace(&secret, &name);
    }
    for (name, id) in ids {
        text = text.replace(&id.trim()[..12], &name);
    }
    let lines = text.lines().filter(|line| !line.is_empty());
    let objects = lines.map(|line| serde_json::from_str(line).unwrap());
    let mut objects = serde_json::Value::Array(objects.collect());
    without(&mut objects, &OWN);
    objects
}

fn down_keeps_the_data_without_volumes(shop: &Shop) {
    shop.apply();
    let volumes = shop.list("volume");
    assert!(!volumes.is_empty());
    take_down(shop, false);
    assert_eq!(shop.objects(), volumes);
    // It comes up again with the data and the passwords that unlock it.
    shop.apply();
    assert_eq!(shop.page().0, 200);
    let logs = shop.run_ok(&["logs", "web", "--target", "dev", "--since", "1m"]);
    assert!(logs.contains("web | "), "{logs}");
    assert!(!logs.contains("cart | "), "{logs}");
    take_down(shop, true);
    assert_eq!(shop.objects(), [""; 0]);
    assert!(shop.secrets().is_empty() && !shop.has_record());
}

fn a_failing_check_ends_with_its_reason(shop: &Shop) {
    shop.edit(
        "teams/storefront/cart.cue",
        "needs: {",
        "health: http: \"/nowhere\"\n\tneeds: {",
    );
    // Move the shared check to the other services.
    shop.edit("kcc.cue", "\thealth: http: \"/healthz\"\n", "");
    for file in ["teams/payments/checkout.cue", "teams/storefront/web.cue"] {
        let text = fs::read_to_string(shop.path(file)).unwrap();
        let text = text.replace("_app & {", "_app & {\n\t\thealth: http: \"/healthz\"");
        fs::write(shop.path(file), text).unwrap();
    }
    let ran = shop.run(&["apply", "--target", "dev", "--timeout", "3s"]);
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    for text in [
        "kcc::apply::incomplete",
        "`cart` is not healthy: GET /nowhere on port 8080 returned 404 (after 3 s)",
        "storefront",
    ] {
        ran.assert_stderr_contains(text);
    }
    // Components that do not need it came up; its dependents did not start.
    assert!(shop.list("container").contains(&shop.name("checkout")));
    assert!(!shop.list("container").contains(&shop.name("web")));
}

fn an_interrupted_apply_ends_with_exit_code_4(shop: &Shop) {
    // Ctrl-C, and the signal that CI systems send.
    for signal in ["-INT", "-TERM"] {
        let mut child = shop.start_until(&["apply", "--target", "dev"], "create container");
        let pid = child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(4), "{signal}");
        assert!(!shop.has_intent(), "{signal}: the inventory is stored");
    }
    shop.apply();
    assert_eq!(shop.page().0, 200);
}

fn a_second_apply_waits(shop: &Shop) {
    one_apply_at_a_time(shop, "create");
}

fn an_instance_runs_next_to_the_target(shop: &Shop) {
    shop.apply();
    let before = shop.objects();
    let instance = ["--target", "dev", "--instance", "pr-12", "--format", "json"];
    let run = |command: &[&str]| shop.run_ok(&[command, &instance].concat());
    let first = report(&run(&["apply"]));
    let again = report(&run(&["apply"]));
    assert_eq!(again["mutatingCalls"], 0, "{again:#}");
    let address = first["components"]["web"]["addresses"][0].as_str().unwrap();
    assert!(!address.ends_with(&format!(":{}", shop.port)), "{address}");
    let answer = get(&address.replace("0.0.0.0", "127.0.0.1"));
    assert_eq!(answer.unwrap().0, 200);
    let copy = format!("{}-dev.pr-12-web", shop.name);
    assert!(
        shop.list("container").contains(&copy),
        "{:?}",
        shop.list("container")
    );

    // Neither sees the other's objects, including data and networks.
    assert!(shop.plan().is_empty());
    run(&["down", "--volumes"]);
    assert_eq!(shop.objects(), before);

    // A worktree has a copy of its own, whatever directory of it a command runs in.
    let auto = ["--target", "dev", "--instance", "auto"];
    let apply = [&["apply"], &auto[..], &["--format", "json"]].concat();
    let name = report(&shop.run_ok(&apply))["instance"].clone();
    assert!(name.as_str().unwrap().starts_with("system-"), "{name}");
    let below = ["-C", "teams/payments", "plan"];
    let plan = shop.run_ok(&[&below, &auto[..]].concat());
    assert!(plan.contains("nothing to do"), "{plan}");
    shop.run_ok(&[&["down", "--volumes"], &auto[..]].concat());
    assert_eq!(shop.objects(), before);
}

fn programs_run_while_a_target_is_up(shop: &Shop) {
    let script = "busybox wget -qO- \"$WEB_URL\"; echo \"$WEB_HOST:$WEB_PORT\"; exit 7";
    let run = |instance: &str| {
        let instance = ["run", "--target", "dev", "--instance", instance];
        shop.run(&[&instance[..], &["--volumes", "--", "sh", "-c", script]].concat())
    };
    let copies = ["one", "two", "three", "four", "five"];
    let ended: Vec<_> = thread::scope(|scope| {
        let running = copies.map(|copy| scope.spawn(move || run(copy)));
        running.map(|copy| copy.join().unwrap()).into()
    });
    let mut addresses = BTreeSet::new();
    for ran in &ended {
        assert_eq!(ran.code, Some(7), "{ran:#?}");
        let (page, address) = ran.out.trim_end().rsplit_once('\n').unwrap();
        assert!(page.contains("\"calls\""), "{ran:#?}");
        addresses.insert(address.to_owned());
    }
    assert_eq!(addresses.len(), copies.len(), "{addresses:?}");
    assert!(shop.objects().is_empty(), "{:?}", shop.objects());

    // A target that was up stays up, and so it does if the program cannot be run.
    shop.apply();
    let before = shop.objects();
    for (program, code) in [("true", 0), ("./nowhere", 127)] {
        let ran = shop.run(&["run", "--target", "dev", "--", program]);
        assert_eq!(ran.code, Some(code), "{ran:#?}");
    }
    assert_eq!(shop.objects(), before);
    take_down(shop, true);

    // Nothing runs, and nothing is left, if the target does not come up.
    shop.edit("teams/storefront/web.cue", "\"serve\"", "\"nope\"");
    let run = ["run", "--target", "dev", "--timeout", "2s", "--volumes"];
    let ran = shop.run(&[&run[..], &["--", "echo", "ran"]].concat());
    assert_eq!((ran.code, ran.out.as_str()), (Some(4), ""), "{ran:#?}");
    assert!(shop.objects().is_empty(), "{:?}", shop.objects());
}

fn everyday_commands_work(shop: &Shop) {
    shop.apply();
    let exec = ["exec", "web", "--target", "dev", "--"];
    let ran = shop.run(&[&exec[..], &["/shop", "nope"]].concat());
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.err.starts_with("shop: unknown command"), "{ran:#?}");

    let before = shop.ids();
    let restart = ["restart", "cart", "--target", "dev", "--format", "json"];
    let done = report(&shop.run_ok(&restart));
    assert_eq!(outcome(&done, "cart"), "replaced", "{done:#}");
    let cart = shop.name("cart");
    for ((name, old), (_, new)) in before.iter().zip(&shop.ids()) {
        assert_eq!(old == new, *name != cart, "{name}");
    }
    assert_eq!(shop.page().0, 200);
    assert!(shop.plan().is_empty(), "a restart leaves no difference");

    // A job runs once more, with its log.
    let ran = shop.run(&["start", "migrate", "--target", "dev"]);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(ran.out.contains("migrate | "), "{ran:#?}");
    assert!(ran.err.contains("1 component replaced"), "{ran:#?}");
    assert!(shop.plan().is_empty(), "nor does a start");
}

fn output_contains_no_secrets(shop: &Shop) {
    let mut texts = all_outputs(shop);
    let secrets: Vec<_> = shop.secrets().into_values().collect();
    assert!(secrets.len() >= 2, "stripe-key and the database's password");
    let env = shop.docker(&[
        "inspect",
        "--format={{json .Config.Env}}",
        &shop.name("payments"),
    ]);
    assert!(
        secrets.iter().any(|secret| env.contains(secret.as_str())),
        "the service has it"
    );
    texts.push(shop.testbed.record_text(&shop.name, "dev"));
    for component in COMPONENTS {
        texts.push(shop.docker(&[
            "inspect",
            "--format={{json .Config.Labels}}",
            &shop.name(component),
        ]));
    }
    for secret in &secrets {
        assert!(!texts.iter().any(|text| text.contains(secret.as_str())));
    }
}

fn missing_secrets_are_all_reported_at_once(shop: &Shop) {
    let file = "teams/payments/checkout.cue";
    let declared = "secrets: \"stripe-key\": {}\n";
    let lacking = "on: dev: secrets: {\n\t\"stripe-key\": env: \"NO_SUCH_VARIABLE\"\n\t\
                   pager: command: [\"no-such-command\"]\n}\n";
    shop.edit(
        file,
        declared,
        &format!("{declared}secrets: pager: {{}}\n{lacking}"),
    );
    let used = "env: STRIPE_KEY: secret: \"stripe-key\"";
    shop.edit(
        file,
        used,
        &format!("{used}\n\t\tenv: PAGER_KEY: secret: \"pager\""),
    );
    let ran = shop.run(&["apply", "--target", "dev"]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    ran.assert_stderr_contains(
        "cannot get secret `stripe-key`: variable `NO_SUCH_VARIABLE` is not set",
    );
    ran.assert_stderr_contains("cannot get secret `pager`: `no-such-command` is not installed");
    // With the team's lines, and before any change.
    assert_eq!(
        ran.err.matches("teams/payments/checkout.cue:").count(),
        2,
        "{}",
        ran.err
    );
    assert_eq!(ran.err.matches("(payments)").count(), 2, "{}", ran.err);
    assert!(shop.list("container").is_empty());
}

fn an_unreachable_engine_is_an_environment_error(shop: &Shop) {
    let texts = [
        "kcc::plan::docker-unreachable",
        "cannot reach Docker at `unix:///nowhere/docker.sock` (from `DOCKER_HOST`)",
        "start the engine",
    ];
    fails_without_its_engine(shop, "unix:///nowhere/docker.sock", &[], &texts);
    assert!(!shop.has_record());
}

fn a_root_image_replaces_nothing_unless_allowed(shop: &Shop) {
    shop.apply();
    let before = shop.ids();
    let user =
        |name: &str| shop.docker(&["inspect", "--format={{.Config.User}}", &shop.name(name)]);
    assert_eq!(user("web"), "65532:65532", "the image's own");
    shop.edit("app/Dockerfile", "USER 65532:65532\n", "");
    let ran = shop.run(&["apply", "--target", "dev"]);
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    for text in [
        "kcc::apply::image-user",
        "names no user and starts as root, which profile `restricted` refuses",
        // One of the components with the image, though another would be created first.
        "services: web: user: \"65532\"",
        "services: web: security: profile: \"baseline\"",
        "defaults: services: [string]: security: profile: \"baseline\"",
    ] {
        ran.assert_stderr_contains(text);
    }
    assert_eq!(shop.ids(), before, "nothing was replaced");
    assert_eq!(shop.page().0, 200);
    // The image exists now, so a plan reports it with the line.
    let ran = shop.run(&["plan", "--target", "dev"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    ran.assert_stderr_contains("kcc::apply::image-user");
    let allowed = "package shop

defaults: {
	services: [string]: security: profile: \"baseline\"
	jobs: [string]: security: profile: \"baseline\"
}
";
    fs::write(shop.path("baseline.cue"), allowed).unwrap();
    shop.apply();
    assert_eq!(shop.page().0, 200);
    assert_eq!(user("web"), "", "root, as the image was built");
    let format = "--format={{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}";
    assert_eq!(
        shop.docker(&["inspect", format, &shop.name("web")]),
        "[] []"
    );
}
