//! A small shop that uses every field of the model.

use std::collections::{BTreeMap, BTreeSet};

use kcc_model::{
    AccessRule, Amounts, Build, Bytes, Check, Component, Concurrency, Disruption, EnvValue,
    Ephemeral, Expose, Grant, Identity, Image, Kind, MilliCpu, Millis, Output, Part, Permissions,
    Placement, Resources, Rollout, Route, Run, Scale, SecretProvider, Share, Spread, Strategy,
    Toleration, Until, VolumeSource,
};
use kcc_tree::Path;

use super::{ComponentExt as _, System, backing, cron_job, job, persistent, probe, service};

/// Builds the shop on an engine; the provider of the Stripe key depends on it.
pub(crate) fn shop(system: System, stripe: SecretProvider) -> System {
    system
        .secret("stripe-key", stripe)
        .secret("orders-password", SecretProvider::Generate {})
        .config(
            "app",
            &[("mode", "no"), ("app.toml", "a = 1\nb = \"on\"\n")],
        )
        .with(web())
        .with(cart())
        .with(migrate())
        .with(orders())
        .with(external())
        .with(hints())
        .with(agent())
        .granting()
        .with(nightly())
}

/// A cron job.
fn nightly() -> Component {
    let mut nightly = cron_job("nightly", "15 3 * * *").args(&["report"]);
    if let Kind::CronJob(cron) = &mut nightly.kind {
        cron.time_zone = Some("Europe/Berlin".to_owned());
        cron.concurrency = Concurrency::Forbid;
        cron.run.deadline = Some(Millis(3_600_000));
        cron.run.completions = 2;
    }
    nightly
}

/// A service with short-form fields and a route.
fn web() -> Component {
    let mut web = service("web")
        .port("http", 8080)
        .exposed("admin", 9000, Expose::Free)
        .text("GREETING", "welcome $(HOME), it costs $5")
        .text("CART_URL", "http://cart:8080")
        .args(&["serve", "--call", "$(CART_URL)", "$$(CART_URL)"])
        .needs("cart", Until::Healthy)
        .http_health("/healthz", 8080);
    web.container.image = Image::Build(Build {
        tag: "shop/web:0123456789ab".to_owned(),
        context: "teams/storefront".to_owned(),
        file: "Dockerfile".to_owned(),
        args: BTreeMap::from([("VERSION".to_owned(), "1.0".to_owned())]),
        stage: Some("run".to_owned()),
    });
    "storefront".clone_into(&mut web.team);
    web.replicas = 2;
    web.labels.insert("tier".to_owned(), "on".to_owned());
    web.annotations
        .insert("acme.com/on-call".to_owned(), "yes".to_owned());
    web.routes.insert(
        "shop".to_owned(),
        Route {
            host: "shop.example.com".to_owned(),
            path: "/".to_owned(),
            port: "http".to_owned(),
            tls: None,
        },
    );
    web
}

impl System {
    /// Grants every privilege to every component.
    pub(crate) fn granting(mut self) -> Self {
        let every = || Permissions {
            groups: vec!["*".to_owned()],
            resources: vec!["*".to_owned()],
            verbs: vec!["*".to_owned()],
        };
        let grant = Grant {
            path: Path::of(["grants", "all"]),
            to: vec!["services".to_owned()],
            reason: "a test".to_owned(),
            host_paths: BTreeSet::from(["/".to_owned()]),
            privileged: true,
            capabilities: BTreeSet::from(["ALL".to_owned()]),
            host_network: true,
            socket: true,
            cluster_rules: BTreeMap::from([("all".to_owned(), every())]),
        };
        self.target().grants.insert("all".to_owned(), grant);
        self
    }
}

/// A privileged agent on every node.
fn agent() -> Component {
    let mut agent = service("agent")
        .volume(
            "logs",
            "/logs",
            VolumeSource::HostPath("/var/log".to_owned()),
        )
        .volume(
            "spool",
            "/spool",
            VolumeSource::Ephemeral(Ephemeral::default()),
        )
        .init("rules", &["/bin/fetch", "$(RULES)"])
        .init("warm", &["/bin/warm"])
        .sidecar("proxy", "acme/proxy:3.1.0", 9901);
    let rules = EnvValue::Literal("/spool/rules".to_owned());
    if let Some(step) = agent.init.first_mut() {
        step.container.env.insert("RULES".to_owned(), rules);
    }
    if let Some(proxy) = agent.sidecars.get_mut("proxy") {
        let ready = probe(Check::Http {
            path: "/ready".to_owned(),
            port: 9901,
        });
        proxy.health.readiness = Some(ready);
        proxy.resources.limits.memory = Some(Bytes(32 << 20));
        let key = EnvValue::Secret("stripe-key".to_owned());
        proxy.env.insert("KEY".to_owned(), key);
        let mode = EnvValue::Config {
            name: "app".to_owned(),
            key: "mode".to_owned(),
        };
        proxy.env.insert("MODE".to_owned(), mode);
        let args = ["--mode=$(MODE)", "$$(MODE)"];
        proxy.args = Some(args.map(str::to_owned).to_vec());
    }
    agent.every_node = true;
    let rule = |resource: &str, cluster| AccessRule {
        permissions: Permissions {
            groups: vec![String::new()],
            resources: vec![resource.to_owned()],
            verbs: vec!["get".to_owned(), "list".to_owned()],
        },
        cluster,
    };
    agent.identity = Identity {
        name: Some("watcher".to_owned()),
        rules: BTreeMap::from([
            ("nodes".to_owned(), rule("nodes", true)),
            ("pods".to_owned(), rule("pods", false)),
        ]),
    };
    agent
}

/// A service with autoscaling, rollout and placement settings.
fn hints() -> Component {
    let mut hints = service("hints").port("http", 8080);
    hints.scale = Some(Scale {
        min: 2,
        max: 6,
        cpu: None,
        memory: Some(75),
    });
    hints.replicas = 2;
    hints.container.resources.requests.memory = Some(Bytes(64 << 20));
    hints.rollout = Rollout {
        strategy: Some(Strategy::Rolling),
        surge: Some(Share::Percent(25)),
        unavailable: Some(Share::Count(1)),
        pre_stop: Some(vec!["/bin/drain".to_owned(), "$now".to_owned()]),
    };
    hints.disruption = Some(Disruption::MinAvailable(Share::Percent(50)));
    hints.placement = Placement {
        priority_class: None,
        spread: Some(Spread::Node),
        nodes: BTreeMap::from([("disk".to_owned(), "ssd".to_owned())]),
        tolerations: BTreeMap::from([
            ("spot".to_owned(), Toleration::default()),
            (
                "acme.com/gpu".to_owned(),
                Toleration {
                    value: Some("on".to_owned()),
                    effect: Some("NoSchedule".to_owned()),
                },
            ),
        ]),
    };
    hints
}

/// A service with every kind of variable, volume and file.
fn cart() -> Component {
    let mut cart = service("cart")
        .exposed("http", 8080, Expose::Port(18080))
        .env("STRIPE_KEY", EnvValue::Secret("stripe-key".to_owned()))
        .env(
            "MODE",
            EnvValue::Config {
                name: "app".to_owned(),
                key: "mode".to_owned(),
            },
        )
        .env("DATABASE_URL", database_url())
        .needs("orders", Until::Healthy)
        .needs("migrate", Until::Completed)
        .needs("mail", Until::Started)
        .http_health("/healthz", 8080)
        .file("/etc/cart.toml", "size = 010\n")
        .volume("data", "/data", persistent(1 << 30))
        .volume("tmp", "/tmp", VolumeSource::Ephemeral(Ephemeral::default()))
        .volume("conf", "/etc/app", VolumeSource::Config("app".to_owned()))
        .volume(
            "keys",
            "/run/keys",
            VolumeSource::Secret("stripe-key".to_owned()),
        );
    let container = &mut cart.container;
    container.command = Some(vec!["/bin/cart".to_owned()]);
    container.working_dir = Some("/srv".to_owned());
    container.user = Some("1000:1000".to_owned());
    container.health.startup = Some(kcc_model::Probe {
        delay: Millis(500),
        failures: 30,
        ..probe(Check::Tcp { port: 8080 })
    });
    container.resources = Resources {
        gpu: None,
        requests: Amounts {
            cpu: Some(MilliCpu(250)),
            memory: Some(Bytes(64 << 20)),
        },
        limits: Amounts {
            cpu: Some(MilliCpu(1500)),
            memory: Some(Bytes(128 << 20)),
        },
    };
    container.security.read_only_root = true;
    container.security.add_capabilities = vec!["NET_BIND_SERVICE".to_owned()];
    cart
}

fn database_url() -> EnvValue {
    EnvValue::Template(vec![
        Part::Text("postgres://shop:".to_owned()),
        Part::Secret("orders-password".to_owned()),
        Part::Text("@orders:5432/$shop".to_owned()),
    ])
}

fn migrate() -> Component {
    let mut migrate = job("migrate", 5)
        .needs("orders", Until::Healthy)
        .args(&["migrate"]);
    migrate.kind = Kind::Job(Run {
        retries: 5,
        deadline: Some(Millis(600_000)),
        completions: 3,
        parallelism: 2,
    });
    migrate
}

fn orders() -> Component {
    let mut orders = backing("orders", "postgres")
        .port("postgres", 5432)
        .env(
            "POSTGRES_PASSWORD",
            EnvValue::Secret("orders-password".to_owned()),
        )
        .volume("data", "/var/lib/postgresql/data", persistent(5 << 30));
    let password = Output::Secret("orders-password".to_owned());
    orders.kind = Kind::Backing {
        kind: "postgres".to_owned(),
        outputs: BTreeMap::from([("password".to_owned(), password)]),
        external: false,
    };
    orders.path = Path::of(["backing", "orders"]);
    orders.stateful = true;
    orders.container.image = Image::Reference("postgres:16".to_owned());
    orders.container.user = Some("999".to_owned());
    orders.container.health.readiness = Some(probe(Check::Exec(vec![
        "pg_isready".to_owned(),
        "-U".to_owned(),
        "$USER".to_owned(),
    ])));
    orders
}

/// An external backing.
fn external() -> Component {
    let mut external = backing("mail", "smtp").port("smtp", 587);
    external.kind = Kind::Backing {
        kind: "smtp".to_owned(),
        outputs: BTreeMap::new(),
        external: true,
    };
    external
}
