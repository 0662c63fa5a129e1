//! The engines behind one door: a desired state goes to the crate of its
//! engine, in one asynchronous runtime for the whole command.

use std::{future::Future, io, sync::Arc, time::Duration};

use kcc_lower::EngineDesired;
use kcc_plan::{ApplyReport, Cancel, Error, Options, Plan, Recovery, Reporter, StatusReport};
use tokio::signal;

use crate::{cli::Target, commands::Context, compile::Compiled, exit::Exit, failure::Failure};

/// The options of a command that talks to an engine.
pub fn options(context: &Context, compiled: &Compiled, target: &Target) -> Options {
    Options {
        root: compiled.root.path().to_owned(),
        env: context.settings.environment.variables.clone(),
        instance: target.instance.clone(),
        origins: Some(Arc::new(compiled.origins())),
        ..Options::default()
    }
}

/// A command of the engine that a target runs on.
macro_rules! engine {
    ($compiled:ident: $command:ident($($argument:expr),*)) => {
        async {
            let desired = &*$compiled.desired;
            match desired.engine {
                EngineDesired::Docker(_) => kcc_docker::$command(desired, $($argument),*).await,
                EngineDesired::Kubernetes(_) => kcc_kube::$command(desired, $($argument),*).await,
            }
        }
    };
}

/// What an apply would do.
pub fn plan(compiled: &Compiled, options: &Options) -> Result<Plan, Failure> {
    run(compiled, engine!(compiled: plan(options)))
}

/// Makes it so.
pub fn apply(
    compiled: &Compiled,
    options: &Options,
    reporter: &dyn Reporter,
) -> Result<ApplyReport, Failure> {
    let cancel = Cancel::new();
    let work = engine!(compiled: apply(options, reporter, &cancel));
    run(compiled, stoppable(&cancel, work))
}

/// What runs.
pub fn status(compiled: &Compiled, options: &Options) -> Result<StatusReport, Failure> {
    run(compiled, engine!(compiled: status(options)))
}

/// Removes what kcc made.
pub fn down(
    compiled: &Compiled,
    options: &Options,
    reporter: &dyn Reporter,
) -> Result<ApplyReport, Failure> {
    let cancel = Cancel::new();
    let work = engine!(compiled: down(options, reporter, &cancel));
    run(compiled, stoppable(&cancel, work))
}

/// What kcc made in a target, whether or not it is in the record.
pub fn found(compiled: &Compiled, options: &Options) -> Result<Recovery, Failure> {
    run(compiled, engine!(compiled: found(options)))
}

/// Takes what is found back into the record.
pub fn recover(compiled: &Compiled, options: &Options) -> Result<Recovery, Failure> {
    run(compiled, engine!(compiled: recover(options)))
}

fn run<T>(compiled: &Compiled, work: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start threads", error))?;
    let result = runtime.block_on(work);
    // A connection that does not close must not hold the command up.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result.map_err(|error| compiled.failure(error))
}

/// Runs work that Ctrl-C or SIGTERM asks to stop: running steps are finished,
/// so that nothing is left half made. The second time the process ends at once.
async fn stoppable<T>(cancel: &Cancel, work: impl Future<Output = T>) -> T {
    let interrupted = async {
        // Without signals there is nothing to wait for.
        if asked_to_stop().await.is_ok() {
            cancel.cancel();
            if asked_to_stop().await.is_ok() {
                std::process::exit(i32::from(Exit::Incomplete as u8));
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = work => result,
        () = interrupted => unreachable!("it waits for ever"),
    }
}

/// Waits for Ctrl-C, or for what CI systems, `timeout` and `kill` send.
async fn asked_to_stop() -> io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminated = signal::unix::signal(signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = signal::ctrl_c() => interrupted,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await
}
