//! Points at which tests kill kcc, as if by SIGKILL: before and after each call that
//! changes an engine, and each change of the record.
//!
//! With the feature `failpoints` the environment arms them: `FAILPOINTS` as the crate
//! `fail` reads it (`docker::start-container::before=2*off->return` ends kcc at the third
//! pass), with `any` for a pass of any point. Each pass is a line of the file in
//! `KCC_FAILPOINTS_TRACE`. Without the feature, and so in the released binary, nothing of
//! this exists.

use std::future::Future;

/// Runs a call between two fail points, `GROUP::NAME::before` and `GROUP::NAME::after`.
pub fn around<T>(
    group: &str,
    name: &str,
    call: impl Future<Output = T>,
) -> impl Future<Output = T> {
    // Boxed, because calls are large.
    let call = Box::pin(call);
    async move {
        pass(group, name, "before");
        let answer = call.await;
        pass(group, name, "after");
        answer
    }
}

#[cfg(not(feature = "failpoints"))]
fn pass(_group: &str, _name: &str, _moment: &str) {}

/// Passes a fail point, or ends the process there: nothing unwinds, nothing is released.
#[cfg(feature = "failpoints")]
fn pass(group: &str, name: &str, moment: &str) {
    use std::{env, fs::OpenOptions, io::Write as _, sync::Once};

    static SETUP: Once = Once::new();
    // The points stay armed until the process ends.
    SETUP.call_once(|| std::mem::forget(fail::FailScenario::setup()));
    let point = format!("{group}::{name}::{moment}");
    if let Some(path) = env::var_os("KCC_FAILPOINTS_TRACE") {
        let trace = OpenOptions::new().append(true).create(true).open(path);
        // One call for a whole line: operations run side by side.
        let written = trace.and_then(|mut trace| trace.write_all(format!("{point}\n").as_bytes()));
        written.expect("the trace of a test can be written");
    }
    if [point.as_str(), "any"]
        .into_iter()
        .any(|name| fail::eval(name, |_| ()).is_some())
    {
        std::process::abort();
    }
}
