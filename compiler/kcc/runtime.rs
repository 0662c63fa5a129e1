//! Dispatch to the engine crates: each function takes a compiled target and calls
//! the crate of its engine in one asynchronous runtime per command.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    io,
    ops::ControlFlow,
    path::Path,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::{self, Either};
use kcc_capsule::{Capsule, Capture, Fault};
use kcc_docker::EngineImages;
use kcc_image::{Answers, Moved, Question, Reader};
use kcc_lock::Digest;
use kcc_lower::EngineDesired;
use kcc_model::Name;
use kcc_plan::{
    ApplyReport, Cancel, ClientEvents, DriftOptions, DriftReport, Error, ExecOptions, ExecOutput,
    ExecStreams, ForwardOptions, LogLine, LogOptions, LogReport, Options, Plan, Recording,
    RecordingOptions, Recovery, Reporter, Scope, StatusReport,
    archive::{Added, ArchivedRevision, Verified},
    revision::{FoundRevision, HistoryNow, RevisionId},
    timeline::{Observation, Sources, Timeline},
};
use tokio::signal;

use crate::{
    archives::{self, Access},
    compiled::Compiled,
    context::Context,
    exit::Exit,
    failure::Failure,
    load::Root,
    terminal,
};

/// The margin for the difference between this machine's clock and the engine's.
const OVERLAP: Duration = Duration::from_millis(200);

/// The time between two looks at the state of a target.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// The longest time for which a command waits for the journal after its own work.
const KEEPING: Duration = Duration::from_millis(500);

/// Builds the options for the engine crates.
pub fn options(context: &Context, compiled: &Compiled) -> Options {
    Options {
        origins: Some(Arc::new(compiled.origins())),
        ..image_options(context, &compiled.root)
    }
}

/// Builds the options for reading images.
pub fn image_options(context: &Context, root: &Root) -> Options {
    Options {
        root: root.path().to_owned(),
        env: context.settings.environment.variables.clone(),
        ..Options::default()
    }
}

/// Reads images, and asks for the digests that others have now.
pub fn read_images<'q>(
    reader: &Reader<'_>,
    questions: Vec<Question<'q>>,
    known: Vec<(&'q str, &Digest)>,
) -> Result<(Answers<'q>, Moved<'q>), Failure> {
    block_on(async {
        let answers = reader.read_all(questions).await;
        let moved = reader.moved(known).await;
        (answers, moved)
    })
}

/// Calls a function of the crate for the target's engine.
macro_rules! engine {
    ($compiled:ident: $command:ident($($argument:expr),*)) => {
        async {
            let desired = $compiled.desired();
            match desired.engine {
                EngineDesired::Docker(_) => kcc_docker::$command(desired, $($argument),*).await,
                EngineDesired::Kubernetes(_) => kcc_kube::$command(desired, $($argument),*).await,
            }
        }
    };
}

/// Computes what an apply would do.
pub fn plan(compiled: &Compiled, options: &Options) -> Result<Plan, Failure> {
    run(compiled, engine!(compiled: plan(options)))
}

/// Compares the engine with the desired state.
pub fn drift(
    compiled: &Compiled,
    options: &Options,
    drift: &DriftOptions,
) -> Result<DriftReport, Failure> {
    let work = engine!(compiled: drift(options, drift));
    run(compiled, keeping(compiled, options, work))
}

/// Applies the desired state.
pub fn apply(
    compiled: &Compiled,
    options: &Options,
    reporter: &dyn Reporter,
) -> Result<ApplyReport, Failure> {
    let cancel = Cancel::new();
    run(compiled, async {
        let events = ClientEvents::new(reporter, options);
        let work = engine!(compiled: apply(options, &events, &cancel));
        // Boxed, because it would be moved, and it is large.
        let report = Box::pin(stoppable(&cancel, work)).await?;
        // An apply that changes nothing writes nothing.
        if report.performed > 0 || !report.is_complete() {
            keep(compiled, options, events.observations()).await;
        }
        Ok(report)
    })
}

/// Applies the desired state, and looks at the state of every component meanwhile until
/// `look` breaks, which ends the apply.
pub fn apply_until(
    compiled: &Compiled,
    options: &Options,
    reporter: &dyn Reporter,
    look: &mut dyn FnMut(&StatusReport) -> ControlFlow<()>,
) -> Result<ApplyReport, Failure> {
    let cancel = Cancel::new();
    let work = engine!(compiled: apply(options, reporter, &cancel));
    let looking = async {
        loop {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            // A look that fails is repeated; the apply reports what is wrong.
            let status = engine!(compiled: status(options)).await;
            if status.is_ok_and(|status| look(&status).is_break()) {
                cancel.cancel();
                return std::future::pending().await;
            }
        }
    };
    run(compiled, async {
        tokio::select! {
            report = stoppable(&cancel, work) => report,
            never = looking => never,
        }
    })
}

/// Reads the state of every component.
pub fn status(compiled: &Compiled, options: &Options) -> Result<StatusReport, Failure> {
    let work = engine!(compiled: status(options));
    run(compiled, keeping(compiled, options, work))
}

/// Reads the state of every component until `look` breaks, the time is over, or a signal
/// stops it; returns the last state.
pub fn status_until(
    compiled: &Compiled,
    options: &Options,
    time: Duration,
    look: &mut dyn FnMut(&StatusReport) -> ControlFlow<()>,
) -> Result<StatusReport, Failure> {
    run(compiled, async {
        // A task may have no deadline.
        let end = Instant::now().checked_add(time);
        let mut stopped = pin!(stop_signal());
        let report = loop {
            let report = engine!(compiled: status(options)).await?;
            if look(&report).is_break() || end.is_some_and(|end| Instant::now() >= end) {
                break report;
            }
            tokio::select! {
                () = tokio::time::sleep(BETWEEN_LOOKS) => {}
                Ok(_) = &mut stopped => break report,
            }
        };
        keep(compiled, options, Vec::new()).await;
        Ok(report)
    })
}

/// Passes on the lines of the logs of containers; returns nothing after Ctrl-C.
pub fn logs(
    compiled: &Compiled,
    options: &Options,
    wanted: &LogOptions,
    warn: &mut dyn FnMut(&str),
    write: &mut dyn FnMut(LogLine) -> ControlFlow<()>,
) -> Result<Option<LogReport>, Failure> {
    let work = engine!(compiled: logs(options, wanted, warn, write));
    run(compiled, async {
        tokio::select! {
            result = work => result.map(Some),
            Ok(_) = stop_signal() => Ok(None),
        }
    })
}

/// Applies, and meanwhile passes on the lines that tasks write: while they run as they
/// arrive, and at the end what arrived too late.
pub fn run_tasks(
    compiled: &Compiled,
    options: &Options,
    reporter: &dyn Reporter,
    tasks: &LogOptions,
    warn: &mut dyn FnMut(&str),
    write: &mut dyn FnMut(LogLine) -> ControlFlow<()>,
) -> Result<ApplyReport, Failure> {
    let cancel = Cancel::new();
    // By machine and container: the time of the last line so far.
    let mut last = BTreeMap::new();
    let work = async {
        let begun = Instant::now();
        let since = |age| LogOptions {
            since: Some(age),
            ..tasks.clone()
        };
        let follow = LogOptions {
            follow: true,
            ..since(Duration::ZERO)
        };
        let mut keep = |line: LogLine| {
            last.insert((line.machine.clone(), line.container.clone()), line.time);
            write(line)
        };
        let report = tokio::select! {
            report = engine!(compiled: apply(options, reporter, &cancel)) => report,
            never = async {
                // Its failure is reported below.
                let _ = engine!(compiled: logs(options, &follow, warn, &mut keep)).await;
                std::future::pending().await
            } => never,
        }?;
        let rest = since(begun.elapsed() + OVERLAP);
        let mut late = |line: LogLine| {
            let of = last.get(&(line.machine.clone(), line.container.clone()));
            if of.is_some_and(|last| line.time <= *last) {
                return ControlFlow::Continue(());
            }
            write(line)
        };
        let logs = engine!(compiled: logs(options, &rest, &mut |_| {}, &mut late)).await?;
        for failure in &logs.failures {
            warn(&failure.chain());
        }
        Ok(report)
    };
    run(compiled, stoppable(&cancel, work))
}

/// Reads what a target's engine, journal and history hold of its events.
pub fn timeline(
    compiled: &Compiled,
    options: &Options,
    warn: &mut dyn FnMut(&str),
) -> Result<Timeline, Failure> {
    timeline_with(compiled, options, &Sources::default(), warn)
}

/// Does the same with further sources.
pub fn timeline_with(
    compiled: &Compiled,
    options: &Options,
    sources: &Sources,
    warn: &mut dyn FnMut(&str),
) -> Result<Timeline, Failure> {
    run(
        compiled,
        engine!(compiled: timeline(options, sources, warn)),
    )
}

/// Watches a target and adds what happens to its journal until its time is over, or a
/// signal ends it.
pub fn record(
    compiled: &Compiled,
    options: &Options,
    wanted: &RecordingOptions,
    note: &mut dyn FnMut(&str),
) -> Result<Recording, Failure> {
    let cancel = Cancel::new();
    let work = engine!(compiled: watch(options, wanted, note, &cancel));
    run(compiled, stoppable(&cancel, work))
}

/// Does some work, and meanwhile keeps in the target's journal what the engine holds of its
/// events. The journal delays the work by a moment at most, and fails nothing.
async fn keeping<T>(compiled: &Compiled, options: &Options, work: impl Future<Output = T>) -> T {
    let (sources, mut silent) = (Sources::default(), |_: &str| {});
    let keep = engine!(compiled: timeline(options, &sources, &mut silent));
    match future::select(pin!(work), pin!(keep)).await {
        Either::Left((result, keep)) => {
            let _ = tokio::time::timeout(KEEPING, keep).await;
            result
        }
        Either::Right((_, work)) => work.await,
    }
}

/// Keeps in the target's journal what the engine holds of its events after some work, and
/// what this machine observed meanwhile.
async fn keep(compiled: &Compiled, options: &Options, observed: Vec<Observation>) {
    let mut silent = |_: &str| {};
    let sources = Sources {
        observed,
        ..Sources::default()
    };
    let keep = engine!(compiled: timeline(options, &sources, &mut silent));
    let _ = tokio::time::timeout(KEEPING, keep).await;
}

/// Returns the identities of the images that run, by reference.
pub fn running_images(
    compiled: &Compiled,
    options: &Options,
) -> Result<BTreeMap<String, BTreeSet<String>>, Failure> {
    run(compiled, engine!(compiled: running_images(options)))
}

/// Returns the identities of the images that a Docker engine has, by reference.
pub fn local_images(
    compiled: &Compiled,
    options: &Options,
    references: &BTreeSet<String>,
) -> Result<BTreeMap<String, BTreeSet<String>>, Failure> {
    run(compiled, async {
        let images = EngineImages::connect(options).await?;
        let mut found = BTreeMap::new();
        for reference in references {
            if let Some(ids) = images.identities(reference).await? {
                found.insert(reference.clone(), ids);
            }
        }
        Ok(found)
    })
}

/// Injects a fault into the containers of a component, and waits until it is over.
pub fn inject(compiled: &Compiled, options: &Options, fault: &Fault) -> Result<(), Failure> {
    let desired = compiled.desired();
    run(
        compiled,
        kcc_docker::inject(desired, options, &fault.component, fault.action),
    )
}

/// Makes an image of the files in a tar, unless the Docker engine has it.
pub fn make_image(
    compiled: &Compiled,
    options: &Options,
    name: &str,
    files: Vec<u8>,
) -> Result<(), Failure> {
    run(compiled, async {
        let images = EngineImages::connect(options).await?;
        images.make(name, || files).await
    })
}

/// Runs a command in a container and returns its exit code; nothing after Ctrl-C, or if
/// the reader of its output has gone. On a terminal Ctrl-C is a key like any other, and
/// the command decides what it does.
pub fn exec(
    compiled: &Compiled,
    options: &Options,
    wanted: &ExecOptions,
    started: Box<dyn FnOnce() + '_>,
    write: &mut dyn FnMut(ExecOutput) -> ControlFlow<()>,
) -> Result<Option<i64>, Failure> {
    run(compiled, async {
        let streams = ExecStreams {
            started,
            input: Box::new(tokio::io::stdin()),
            sizes: terminal::sizes(wanted.terminal.is_some()),
            write,
        };
        tokio::select! {
            result = engine!(compiled: exec(options, wanted, streams)) => result,
            Ok(_) = stop_signal() => Ok(None),
        }
    })
}

/// Forwards connections on a port of this machine to a component, until Ctrl-C.
pub fn port_forward(
    compiled: &Compiled,
    options: &Options,
    wanted: &ForwardOptions,
    started: &mut dyn FnMut(&str),
    failed: &mut dyn FnMut(Error),
) -> Result<(), Failure> {
    run(compiled, async {
        tokio::select! {
            ended = engine!(compiled: port_forward(options, wanted, started, failed)) => ended,
            Ok(_) = stop_signal() => Ok(()),
        }
    })
}

/// Removes everything that kcc created.
pub fn down(
    compiled: &Compiled,
    options: &Options,
    reporter: &dyn Reporter,
) -> Result<ApplyReport, Failure> {
    let cancel = Cancel::new();
    let work = engine!(compiled: down(options, reporter, &cancel));
    run(compiled, stoppable(&cancel, work))
}

/// Finds the objects that kcc created in a target, recorded or not.
pub fn find_recoverable(compiled: &Compiled, options: &Options) -> Result<Recovery, Failure> {
    run(compiled, engine!(compiled: plan_recovery(options)))
}

/// Calls a method of a target's record.
macro_rules! record {
    ($compiled:ident, $options:ident: $method:ident($($argument:expr),*)) => {
        async {
            let desired = $compiled.desired();
            match desired.engine {
                EngineDesired::Docker(_) => {
                    let record = kcc_docker::record(desired, $options).await?;
                    record.$method($($argument),*).await
                }
                EngineDesired::Kubernetes(_) => {
                    let record = kcc_kube::record(desired, $options).await?;
                    record.$method($($argument),*).await
                }
            }
        }
    };
}

/// Reads from an instance's record what it shares with its target.
pub fn shared(compiled: &Compiled, options: &Options) -> Result<BTreeSet<Name>, Failure> {
    run(compiled, record!(compiled, options: shared()))
}

/// Reads the revisions of a target; with a component those that changed it.
pub fn history(
    compiled: &Compiled,
    options: &Options,
    component: Option<&str>,
) -> Result<HistoryNow, Failure> {
    match component {
        Some(component) => run(compiled, record!(compiled, options: history_of(component))),
        None => run(compiled, record!(compiled, options: history())),
    }
}

/// Reads one revision of a target.
pub fn revision(
    compiled: &Compiled,
    options: &Options,
    id: RevisionId,
) -> Result<FoundRevision, Failure> {
    let scope = Scope::of(compiled.desired());
    run(compiled, record!(compiled, options: revision(&scope, id)))
}

/// Adds what an archive lacks of a target's revisions. A path is relative to `directory`.
pub fn export(
    compiled: &Compiled,
    options: &Options,
    directory: &Path,
    address: &str,
) -> Result<Added, Failure> {
    let scope = Scope::of(compiled.desired());
    run(compiled, async {
        let archive = archives::open(address, directory, Access::Write, options).await?;
        let added = record!(compiled, options: archive(&scope, &archive)).await?;
        archive.artifacts().save()?;
        Ok(added)
    })
}

/// Writes a capsule with a revision of a target to a file, as it is shown.
pub fn write_capsule(
    compiled: &Compiled,
    options: &Options,
    (path, shown): (&Path, &str),
    capture: &Capture,
) -> Result<(), Failure> {
    let scope = Scope::of(compiled.desired());
    let number = capture.revision;
    run(
        compiled,
        kcc_capsule::write(path, shown, capture, async |archive| {
            record!(compiled, options: archive_entry(&scope, archive, number)).await?;
            Ok(())
        }),
    )
}

/// Reads a capsule from a file, as it is shown.
pub fn read_capsule(path: &Path, shown: &str) -> Result<Capsule, Failure> {
    Ok(block_on(kcc_capsule::read(path, shown))??)
}

/// Adds older revisions of an archive to a target, and returns their number.
pub fn import(
    compiled: &Compiled,
    options: &Options,
    directory: &Path,
    address: &str,
) -> Result<usize, Failure> {
    let scope = Scope::of(compiled.desired());
    run(compiled, async {
        let archive = archives::open(address, directory, Access::Read, options).await?;
        let entries = archive.list(Some(&scope)).await?;
        if entries.is_empty() {
            return Err(archives::lacks(address, &format!("revision of {scope}")));
        }
        let archived = archive.history(&entries).await?;
        record!(compiled, options: import(&scope, archived, options)).await
    })
}

/// Reads a revision of a target from an archive: the last one that was applied completely,
/// unless another one is named.
pub fn archived(
    compiled: &Compiled,
    options: &Options,
    directory: &Path,
    address: &str,
    id: Option<RevisionId>,
) -> Result<ArchivedRevision, Failure> {
    let scope = Scope::of(compiled.desired());
    run(compiled, async {
        let archive = archives::open(address, directory, Access::Read, options).await?;
        let found = archive.find(&scope, id).await?;
        found.ok_or_else(|| archives::lacks(address, &format!("revision of {scope}")))
    })
}

/// Verifies an archive.
pub fn verify(context: &Context, address: &str) -> Result<Verified, Failure> {
    let settings = &context.settings;
    let options = archive_options(context);
    Ok(block_on(async {
        let directory = &settings.working_dir;
        let archive = archives::open(address, directory, Access::Read, &options).await?;
        archive.verify().await
    })??)
}

/// Removes all but the last revisions of each scope from an archive, and returns their
/// number.
pub fn prune_archive(context: &Context, address: &str, retained: usize) -> Result<usize, Failure> {
    let settings = &context.settings;
    let options = archive_options(context);
    block_on(async {
        let directory = &settings.working_dir;
        let archive = archives::open(address, directory, Access::Read, &options).await?;
        let Some(layout) = archive.artifacts().layout() else {
            let message = "kcc does not remove anything from registries";
            let help = "use the registry's own retention rules";
            return Err(Failure::usage(message, help));
        };
        let names = archive.old(retained).await?;
        layout.remove(&names.iter().flatten().cloned().collect())?;
        archive.artifacts().save()?;
        Ok(names.len())
    })?
}

/// Removes all but the last revisions from a target's record, and returns their number.
pub fn prune(compiled: &Compiled, options: &Options, retained: usize) -> Result<usize, Failure> {
    run(
        compiled,
        record!(compiled, options: prune(retained, options)),
    )
}

fn archive_options(context: &Context) -> Options {
    Options {
        env: context.settings.environment.variables.clone(),
        ..Options::default()
    }
}

/// Takes recoverable objects back into the record.
pub fn recover(compiled: &Compiled, options: &Options) -> Result<Recovery, Failure> {
    run(compiled, engine!(compiled: recover(options)))
}

fn run<T>(compiled: &Compiled, work: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    block_on(work)?.map_err(|error| compiled.failure(error))
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start threads", error))?;
    let result = runtime.block_on(work);
    // A connection that does not close must not delay the exit.
    runtime.shutdown_timeout(Duration::from_millis(100));
    Ok(result)
}

/// Runs work that Ctrl-C or SIGTERM can cancel: running operations finish, so that
/// nothing is left half-created. A second signal ends the process immediately.
async fn stoppable<T>(cancel: &Cancel, work: impl Future<Output = T>) -> T {
    let interrupted = async {
        // If signals are unavailable, there is nothing to wait for.
        if stop_signal().await.is_ok() {
            cancel.cancel();
            if stop_signal().await.is_ok() {
                std::process::exit(i32::from(Exit::Incomplete.code()));
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = work => result,
        () = interrupted => unreachable!("the future never completes"),
    }
}

/// The signal that asks kcc to stop.
#[derive(PartialEq, Eq)]
pub(crate) enum Stop {
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM, which CI systems, `timeout` and `kill` send.
    Terminated,
}

/// Waits for a signal to stop.
pub(crate) async fn stop_signal() -> io::Result<Stop> {
    #[cfg(unix)]
    {
        let mut terminated = signal::unix::signal(signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = signal::ctrl_c() => interrupted.map(|()| Stop::Interrupted),
            _ = terminated.recv() => Ok(Stop::Terminated),
        }
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await.map(|()| Stop::Interrupted)
}
