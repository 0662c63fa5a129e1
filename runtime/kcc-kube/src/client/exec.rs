//! Runs the commands of users in containers.

use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
    stream,
};
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Status};
use kcc_diag::Code;
use kcc_plan::{Error, ExecInput, ExecOptions, ExecOutput, ExecOutputs, ExecProcess, TerminalSize};
use kube::api::{Api, AttachParams, AttachedProcess, TerminalSize as KubeTerminalSize};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Client, errors};

/// A container to run a command in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PodExec<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) pod: &'a str,
    pub(crate) container: &'a str,
}

/// A command of a user that runs in a container.
pub(crate) struct RunningCommand {
    process: AttachedProcess,
    /// The pod, for messages.
    pod: String,
    input: Option<ExecInput>,
    output: ExecOutputs,
    status: Shared<BoxFuture<'static, Option<Status>>>,
    resize: Box<dyn FnMut(TerminalSize) + Send>,
}

/// The size of the parts in which output is passed on.
const PART: usize = 16 * 1024;

/// The exit codes that a shell gives a program that it cannot run or cannot find.
const CANNOT_RUN: i64 = 126;
const NOT_FOUND: i64 = 127;

impl Client {
    /// Starts a command of a user. Not counted as a mutation: what it changes is not
    /// kcc's.
    pub(crate) async fn start_command(
        &self,
        container: PodExec<'_>,
        options: &ExecOptions,
    ) -> Result<RunningCommand, Error> {
        let tty = options.terminal.is_some();
        let params = AttachParams::default()
            .container(container.container)
            .stdin(options.stdin)
            .stdout(true)
            // A terminal has one output.
            .stderr(!tty)
            .tty(tty);
        let pods: Api<Pod> = Api::namespaced(self.streaming()?, container.namespace);
        let started = pods.exec(container.pod, &options.command, &params).await;
        let mut process = started.map_err(|error| {
            let what = format!("run a command in pod `{}`", container.pod);
            errors::upgrade(&self.server, &what, &error)
        })?;
        let input = process.stdin().map(|input| Box::new(input) as ExecInput);
        let out = process.stdout().map(|out| parts(out, ExecOutput::Out));
        let err = process.stderr().map(|err| parts(err, ExecOutput::Err));
        let none = || stream::empty().boxed();
        let output = stream::select(out.unwrap_or_else(none), err.unwrap_or_else(none));
        let status = match process.take_status() {
            Some(status) => status.boxed().shared(),
            None => std::future::ready(None).boxed().shared(),
        };
        let refusal = stream::once(status.clone());
        let refusal =
            refusal.filter_map(|status| std::future::ready(status.and_then(refusal_text)));
        let output = output.chain(refusal.map(|text| Ok(ExecOutput::Err(text.into_bytes()))));
        let sizes = process.terminal_size();
        let mut resize: Box<dyn FnMut(TerminalSize) + Send> = Box::new(|_| {});
        if let Some(mut sizes) = sizes {
            resize = Box::new(move |size| {
                // A size that the server does not read in time is followed by another.
                let _ = sizes.try_send(KubeTerminalSize {
                    width: size.columns,
                    height: size.rows,
                });
            });
        }
        if let Some(size) = options.terminal {
            resize(size);
        }
        Ok(RunningCommand {
            process,
            pod: container.pod.to_owned(),
            input,
            output: output.boxed(),
            status,
            resize,
        })
    }
}

/// Reads one stream of a command in parts.
fn parts(
    reader: impl AsyncRead + Send + Unpin + 'static,
    make: fn(Vec<u8>) -> ExecOutput,
) -> ExecOutputs {
    stream::unfold(reader, move |mut reader| async move {
        let mut part = vec![0; PART];
        // A connection that breaks ends the output; the status tells.
        let read = reader.read(&mut part).await.unwrap_or_default();
        part.truncate(read);
        (read > 0).then(|| (Ok(make(part)), reader))
    })
    .boxed()
}

impl ExecProcess for RunningCommand {
    fn input(&mut self) -> Option<ExecInput> {
        self.input.take()
    }

    fn output(&mut self) -> ExecOutputs {
        std::mem::replace(&mut self.output, stream::empty().boxed())
    }

    async fn resize(&mut self, size: TerminalSize) {
        (self.resize)(size);
    }

    async fn exit_code(self) -> Result<i64, Error> {
        let status = self.status.await;
        self.process.abort();
        let Some(status) = status else {
            let pod = &self.pod;
            let message =
                format!("lost the connection to a command in pod `{pod}`; it may still run");
            return Err(Error::new(Code::PlanKubeUnreachable, message)
                .help("check that the pod is running, then run the command again"));
        };
        Ok(exit_code(&status))
    }
}

/// Returns the exit code in the final status of a command. A program that was never
/// started gets the code that a shell would give it, as Docker does.
fn exit_code(status: &Status) -> i64 {
    if status.status.as_deref() == Some("Success") {
        return 0;
    }
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut causes = causes.flatten();
    let code = causes.find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    let code = code.and_then(|cause| cause.message.as_deref()?.parse().ok());
    let text = status.message.as_deref().unwrap_or_default();
    let missing = ["not found", "no such file"];
    code.unwrap_or(if missing.iter().any(|phrase| text.contains(phrase)) {
        NOT_FOUND
    } else {
        CANNOT_RUN
    })
}

/// Returns the reason why the program of a command was never started, if it was not.
fn refusal_text(status: Status) -> Option<String> {
    let started = matches!(status.reason.as_deref(), None | Some("NonZeroExitCode"));
    let text = status.message.filter(|_| !started)?;
    Some(format!("{}\n", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_exit_codes_and_names_programs_that_never_ran() {
        let refused = "Internal error occurred: exec: \"nope\": executable file not found in $PATH";
        for (status, code, text) in [
            (json!({"status": "Success"}), 0, None),
            (
                json!({
                    "status": "Failure", "reason": "NonZeroExitCode",
                    "message": "command terminated with non-zero exit code",
                    "details": {"causes": [{"reason": "ExitCode", "message": "7"}]},
                }),
                7,
                None,
            ),
            (
                json!({"status": "Failure", "reason": "InternalError", "message": refused}),
                127,
                Some(format!("{refused}\n")),
            ),
            (
                json!({"status": "Failure", "reason": "InternalError", "message": "permission denied"}),
                126,
                Some("permission denied\n".to_owned()),
            ),
        ] {
            let status: Status = serde_json::from_value(status).unwrap();
            assert_eq!(exit_code(&status), code);
            assert_eq!(refusal_text(status), text);
        }
    }
}
