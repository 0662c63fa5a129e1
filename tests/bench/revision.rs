//! Measures what a revision costs at a thousand services: the time to make and to write
//! it in a directory, and its bytes, for everything and for one changed line.
//!
//! An apply of the same size takes seconds on any engine; the time that a revision adds
//! to it should stay below 50 ms, and one line should cost at most 2 % of everything.

#![allow(clippy::print_stdout, reason = "a benchmark reports to a person")]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run should say where it stopped"
)]

use std::{
    collections::BTreeSet,
    env,
    fmt::Write as _,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser;
use kcc::{
    cli::Cli,
    compiled::Compiled,
    context::Context,
    pipeline,
    printer::Printer,
    runtime,
    settings::{Environment, Settings},
};
use kcc_lock::Digest;
use kcc_plan::{
    Cancel, Fence, FolderStore, Intent, Record, Scope, Silent, Store,
    revision::{Change, RevisionSource},
};

const SERVICES: usize = 1000;
const TEAMS: usize = 20;
const RUNS: usize = 5;
/// The time in which an apply of this size observes the target once more under its lock.
const OBSERVES: Duration = Duration::from_secs(3);

fn main() {
    // `cargo test` runs benches as well, without this argument.
    if !env::args().any(|arg| arg == "--bench") {
        return;
    }
    println!(
        "{:<8} {:<10} {:>10} {:>10} {:>12} {:>8}",
        "target", "change", "content", "write", "bytes", "share"
    );
    for target in ["dev", "prod"] {
        let system = tempfile::tempdir().unwrap();
        let store = tempfile::tempdir().unwrap();
        let folder = FolderStore::new(store.path());
        generate(system.path(), "debug");
        let mut known = BTreeSet::new();
        let mut full = 0;
        for change in ["everything", "one line", "one line"] {
            let context = context(system.path());
            let compiled = pipeline::compile(&context, None, target).unwrap();
            let make = fastest(|| drop(compiled.record().content()));
            let write = write(&context, &compiled, store.path());
            let stored = block_on(folder.blobs()).unwrap();
            let bytes = packed(&folder, stored.difference(&known));
            known = stored;
            full = full.max(bytes);
            println!(
                "{target:<8} {change:<10} {:>7} ms {:>7} ms {bytes:>12} {:>6.2} %",
                make.as_millis(),
                write.as_millis(),
                100.0 * ratio(bytes, full)
            );
            let log = if change == "everything" {
                "info"
            } else {
                "warn"
            };
            generate(system.path(), log);
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "it is printed with two digits")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(work)
}

fn fastest(work: impl Fn()) -> Duration {
    let times = (0..RUNS).map(|_| {
        let begin = Instant::now();
        work();
        begin.elapsed()
    });
    times.min().unwrap()
}

/// Writes a revision, and returns the time that it adds to an apply.
fn write(context: &Context, compiled: &Compiled, store: &Path) -> Duration {
    let scope = Scope::of(compiled.desired());
    let mut options = runtime::options(context, compiled);
    options.revisions = Some(Arc::new(compiled.record()));
    let record = Record::new(FolderStore::new(store), Fence::default());
    let intent = Intent {
        scope: scope.clone(),
        since: 0,
        revision: None,
        shared: BTreeSet::new(),
        operations: Vec::new(),
    };
    let begun = async {
        // As long as an apply observes the target at least.
        tokio::time::sleep(OBSERVES).await;
        let begin = Instant::now();
        let change = Change::of(&scope, &options, false);
        record.begin(&intent, change).await?;
        Ok(begin.elapsed())
    };
    let cancel = Cancel::new();
    block_on(record.locked("an apply", &options, &Silent, &cancel, begun)).unwrap()
}

fn packed<'a>(store: &FolderStore, blobs: impl Iterator<Item = &'a Digest>) -> usize {
    let size = |digest| {
        let blob = block_on(store.get(digest)).unwrap().unwrap();
        blob.packed().len()
    };
    blobs.map(size).sum()
}

fn context(folder: &Path) -> Context {
    let cli = Cli::try_parse_from(["kcc", "--quiet", "check"]).unwrap();
    let environment = Environment {
        current_dir: folder.to_owned(),
        ..Environment::default()
    };
    let settings = Settings::new(&cli.global, environment);
    Context {
        printer: Printer::new(&settings),
        settings,
    }
}

/// Writes the system, with one line of the last service to change.
fn generate(folder: &Path, log: &str) {
    let mut root = String::from("package many\n\nsystem: {\n\tname: \"many\"\n\tteams: {\n");
    for team in 0..TEAMS {
        writeln!(root, "\t\tt{team}: path: \"teams/t{team}\"").unwrap();
    }
    root.push_str("\t}\n}\n");
    fs::write(folder.join("kcc.cue"), root).unwrap();
    for team in 0..TEAMS {
        let path = folder.join(format!("teams/t{team}"));
        fs::create_dir_all(&path).unwrap();
        for service in (team..SERVICES).step_by(TEAMS) {
            let log = if service + 1 == SERVICES {
                log
            } else {
                "debug"
            };
            let mut text = format!(
                "package many\n\nservices: s{service}: {{\n\timage: \"acme/s{service}:1\"\n\tport: 8080\n\tenv: LOG: \"{log}\"\n"
            );
            if service > 0 {
                writeln!(text, "\tneeds: s{}: {{}}", service - 1).unwrap();
            }
            text.push_str("\thealth: http: \"/healthz\"\n}\n");
            fs::write(path.join(format!("s{service}.cue")), text).unwrap();
        }
    }
}
