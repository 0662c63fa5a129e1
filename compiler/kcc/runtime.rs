//! The engines behind one door: a desired state goes to the crate of its
//! engine, in one asynchronous runtime for the whole command.

use std::{future::Future, time::Duration};

use kcc_lower::{Desired, EngineDesired};
use kcc_plan::{ApplyReport, Cancel, Error, Options, Plan, Reporter, StatusReport};

use crate::{cli::Target, commands::Context, compile::Compiled, exit::Exit, failure::Failure};

/// The options of a command that talks to an engine.
pub fn options(context: &Context, compiled: &Compiled, target: &Target) -> Options {
    Options {
        root: compiled.root.path().to_owned(),
        env: context.settings.environment.variables.clone(),
        instance: target.instance.clone(),
        ..Options::default()
    }
}

/// What an apply would do.
pub fn plan(desired: &Desired, options: &Options) -> Result<Plan, Failure> {
    run(async {
        match &desired.engine {
            EngineDesired::Docker(_) => kcc_docker::plan(desired, options).await,
            EngineDesired::Kubernetes(_) => kcc_kube::plan(desired, options).await,
        }
    })
}

/// Makes it so.
pub fn apply(
    desired: &Desired,
    options: &Options,
    reporter: &dyn Reporter,
) -> Result<ApplyReport, Failure> {
    let cancel = Cancel::new();
    run(stoppable(&cancel, async {
        match &desired.engine {
            EngineDesired::Docker(_) => {
                kcc_docker::apply(desired, options, reporter, &cancel).await
            }
            EngineDesired::Kubernetes(_) => {
                kcc_kube::apply(desired, options, reporter, &cancel).await
            }
        }
    }))
}

/// What runs.
pub fn status(desired: &Desired, options: &Options) -> Result<StatusReport, Failure> {
    run(async {
        match &desired.engine {
            EngineDesired::Docker(_) => kcc_docker::status(desired, options).await,
            EngineDesired::Kubernetes(_) => kcc_kube::status(desired, options).await,
        }
    })
}

/// Removes what kcc made.
pub fn down(
    desired: &Desired,
    options: &Options,
    reporter: &dyn Reporter,
) -> Result<ApplyReport, Failure> {
    let cancel = Cancel::new();
    run(stoppable(&cancel, async {
        match &desired.engine {
            EngineDesired::Docker(_) => kcc_docker::down(desired, options, reporter, &cancel).await,
            EngineDesired::Kubernetes(_) => {
                kcc_kube::down(desired, options, reporter, &cancel).await
            }
        }
    }))
}

fn run<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start threads", error))?;
    let result = runtime.block_on(work);
    // A connection that does not close must not hold the command up.
    runtime.shutdown_timeout(Duration::from_millis(100));
    Ok(result?)
}

/// Runs work that Ctrl-C asks to stop: running steps are finished, so that
/// nothing is left half made. A second Ctrl-C ends the process at once.
async fn stoppable<T>(cancel: &Cancel, work: impl Future<Output = T>) -> T {
    let interrupted = async {
        // Without signals there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_ok() {
            cancel.cancel();
            if tokio::signal::ctrl_c().await.is_ok() {
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
