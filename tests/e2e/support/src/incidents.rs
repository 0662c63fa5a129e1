//! Failures of a system in production: each is brought about on a real cluster and
//! captured, and the capsule, which is committed in `tests/e2e/incidents`, shows the same
//! failure on a Docker engine.

use std::path::PathBuf;

use kcc_test_support::root;

/// A failure of a system of two services: `checkout` needs `payments`.
pub struct Incident {
    /// The name, and that of its capsule.
    pub name: &'static str,
    /// The fields of `payments` beside its image and port.
    pub payments: &'static str,
    /// The fields of `checkout`, likewise.
    pub checkout: &'static str,
    /// The commands of `kubectl` that break it once it is up.
    pub breaks: &'static [&'static str],
    /// The component that fails, and the kind of the cause.
    pub symptom: (&'static str, &'static str),
    /// Some words of the fragment, and those that correct the mistake in it; none if the fragment has none, so that an apply corrects it.
    pub fix: Option<(&'static str, &'static str)>,
}

/// A program that serves.
const SERVES: &str = r#"command: ["httpd", "-f", "-p", "8080", "-h", "/etc"]"#;
/// A program that ends unless it reaches what it needs, and then serves.
const CALLS: &str = r#"command: ["sh", "-c", "r=$(printf 'GET /hosts HTTP/1.0\r\n\r\n' | nc -w 2 payments 8080); [ ${#r} -gt 0 ] || exit 7; exec httpd -f -p 8080 -h /etc"]"#;

/// A failure of `payments` that the fragment causes.
const fn mistake(
    name: &'static str,
    payments: &'static str,
    kind: &'static str,
    fix: (&'static str, &'static str),
) -> Incident {
    Incident {
        name,
        payments,
        checkout: SERVES,
        breaks: &[],
        symptom: ("payments", kind),
        fix: Some(fix),
    }
}

/// A failure that somebody causes in the cluster.
const fn broken(
    name: &'static str,
    payments: &'static str,
    breaks: &'static [&'static str],
    symptom: (&'static str, &'static str),
) -> Incident {
    Incident {
        name,
        payments,
        checkout: CALLS,
        breaks,
        symptom,
        fix: None,
    }
}

/// The failures.
pub const ALL: &[Incident] = &[
    broken(
        "limit-lowered",
        r#"command: ["sh", "-c", "x=$(for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do cat /bin/busybox; done 2>/dev/null); exec httpd -f -p 8080 -h /etc"], resources: memory: "128Mi""#,
        &["set resources deployment payments --limits memory=16Mi --requests memory=16Mi"],
        ("payments", "out-of-memory"),
    ),
    broken(
        "variable-edited",
        r#"env: MODE: "fast", command: ["sh", "-c", "[ $MODE = fast ] || { echo unknown mode $MODE; exit 3; }; exec httpd -f -p 8080 -h /etc"]"#,
        &["set env deployment/payments MODE=fsat"],
        ("payments", "exit-code"),
    ),
    broken(
        "command-edited",
        SERVES,
        &[
            "patch deployment payments --type json -p [{\"op\":\"replace\",\"path\":\"/spec/template/spec/containers/0/command\",\"value\":[\"htppd\",\"-f\"]}]",
        ],
        ("payments", "program-missing"),
    ),
    broken(
        "policy-closed",
        SERVES,
        &[
            "patch networkpolicy payments --type merge -p {\"spec\":{\"ingress\":[]}}",
            "delete pods -l app.kubernetes.io/name=checkout",
        ],
        ("checkout", "exit-code"),
    ),
    broken(
        "dependency-deleted",
        SERVES,
        &[
            "delete deployment payments",
            "wait --for=delete pods -l app.kubernetes.io/name=payments --timeout=60s",
            "delete pods -l app.kubernetes.io/name=checkout",
            "wait --for=condition=Ready=false pods -l app.kubernetes.io/name=checkout --timeout=60s",
        ],
        ("payments", "absent"),
    ),
    broken(
        "secret-deleted",
        r#"env: PASSWORD: secret: "password", command: ["httpd", "-f", "-p", "8080", "-h", "/etc"]"#,
        &[
            "delete secret password",
            "delete pods -l app.kubernetes.io/name=payments",
            "delete pods -l app.kubernetes.io/name=checkout",
            "wait --for=condition=Ready=false pods -l app.kubernetes.io/name=checkout --timeout=60s",
        ],
        ("payments", "secret-missing"),
    ),
    mistake(
        "command-wrong",
        r#"command: ["htppd", "-f", "-p", "8080"]"#,
        "program-missing",
        ("htppd", "httpd"),
    ),
    mistake(
        "program-of-script-missing",
        r#"command: ["sh", "-c", "serve -p 8080"]"#,
        "command-not-found",
        ("serve -p", "httpd -f -p"),
    ),
    mistake(
        "script-not-executable",
        r#"command: ["sh", "-c", "/etc/start"], files: "/etc/start": content: "exec httpd -f -p 8080 -h /etc""#,
        "command-not-executable",
        ("\"/etc/start\"]", "\"sh /etc/start\"]"),
    ),
    mistake(
        "program-ends",
        r#"command: ["sh", "-c", "httpd -p 8080; echo started"]"#,
        "exit-success",
        ("httpd -p 8080;", "httpd -f -p 8080 -h /etc;"),
    ),
    mistake(
        "port-wrong",
        r#"command: ["httpd", "-f", "-p", "9090"], health: tcp: "http""#,
        "probe-port-closed",
        ("9090", "8080"),
    ),
    mistake(
        "path-of-check-wrong",
        r#"command: ["httpd", "-f", "-p", "8080", "-h", "/www"], files: "/www/healthz": content: "ok", health: http: "/helathz""#,
        "probe-status",
        ("helathz", "healthz"),
    ),
    mistake(
        "check-of-other-protocol",
        r#"command: ["nc", "-ll", "-p", "8080", "-e", "cat"], health: http: "/healthz""#,
        "startup-failing",
        (r#"health: http: "/healthz""#, r#"health: tcp: "http""#),
    ),
    mistake(
        "command-of-check-missing",
        r#"command: ["httpd", "-f", "-p", "8080", "-h", "/etc"], health: exec: ["pg_isready"]"#,
        "probe-command-missing",
        ("pg_isready", "true"),
    ),
    mistake(
        "check-fails",
        r#"command: ["httpd", "-f", "-p", "8080", "-h", "/etc"], health: exec: ["stat", "/ready"]"#,
        "probe-command",
        ("/ready", "/bin"),
    ),
    mistake(
        "file-system-read-only",
        r#"command: ["sh", "-c", "echo x >/state || exit 5; exec httpd -f -p 8080 -h /etc"], security: readOnlyRoot: true"#,
        "read-only-file-system",
        ("/state", "/dev/null"),
    ),
    mistake(
        "permission-denied",
        r#"command: ["sh", "-c", "echo x >/bin/state || exit 6; exec httpd -f -p 8080 -h /etc"]"#,
        "permission-denied",
        ("/bin/state", "/dev/null"),
    ),
    mistake(
        "disk-full",
        r#"command: ["sh", "-c", "head -c 4000000 /dev/zero >/data/log || exit 8; exec httpd -f -p 8080 -h /etc"], volumes: data: {mount: "/data", ephemeral: {size: "1Mi", memory: true}}"#,
        "exit-code",
        ("4000000", "4000"),
    ),
    mistake(
        "data-of-wrong-shape",
        r#"command: ["sh", "-c", "read rate </etc/rates; [ $rate -gt 0 ] || { echo bad rate: $rate; exit 9; }; exec httpd -f -p 8080 -h /etc"], files: "/etc/rates": content: "one\n""#,
        "exit-code",
        (r#""one\n""#, r#""1\n""#),
    ),
    mistake(
        "name-not-declared",
        r#"command: ["sh", "-c", "nc -w 2 ledger 8080 </dev/null || exit 4; exec httpd -f -p 8080 -h /etc"]"#,
        "name-not-resolved",
        ("nc -w 2 ledger 8080 </dev/null || exit 4", "true"),
    ),
    mistake(
        "program-crashes",
        r#"command: ["sh", "-c", "sh -c 'kill -SEGV $$'; exit $?"]"#,
        "crashed",
        ("sh -c 'kill -SEGV $$'; exit $?", "httpd -f -p 8080 -h /etc"),
    ),
    mistake(
        "init-step-fails",
        r#"command: ["httpd", "-f", "-p", "8080", "-h", "/etc"], init: schema: {image: "kcc-test/shell:1", command: ["sh", "-c", "echo no table; exit 4"]}"#,
        "exit-code",
        ("exit 4", "exit 0"),
    ),
    mistake(
        "port-in-use",
        r#"command: ["sh", "-c", "httpd -p 8080; exec httpd -f -p 8080 -h /etc"]"#,
        "port-in-use",
        ("httpd -p 8080;", ""),
    ),
];

impl Incident {
    /// Returns the fragment of a system of a name.
    pub fn fragment(&self, system: &str) -> String {
        let Self {
            payments, checkout, ..
        } = self;
        let secrets = if payments.contains("secret:") {
            "secrets: password: generate: {}\n"
        } else {
            ""
        };
        let common = r#"image: "kcc-test/shell:1", port: 8080, user: "1000", rollout: {gracePeriod: "1s", deadline: "40s", strategy: "recreate"}"#;
        format!(
            "package incident\n\nsystem: {{name: {system:?}, targets: prod: kubernetes: namespace: {system:?}}}\n{secrets}\
             services: payments: {{{common}, {payments}}}\n\
             services: checkout: {{{common}, {checkout}, needs: payments: until: \"started\"}}\n"
        )
    }

    /// Returns the fragment without the mistake.
    pub fn corrected(&self, system: &str) -> String {
        let fragment = self.fragment(system);
        match self.fix {
            None => fragment,
            Some((wrong, right)) => {
                assert!(fragment.contains(wrong), "{}: {fragment}", self.name);
                fragment.replacen(wrong, right, 1)
            }
        }
    }

    /// Returns the path of its capsule.
    pub fn capsule(&self) -> PathBuf {
        let directory = root().join("tests/e2e/incidents");
        directory.join(format!("{}.capsule", self.name))
    }
}
