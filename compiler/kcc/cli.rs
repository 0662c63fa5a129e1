//! The command line as a clap type: the global options and the commands, and
//! which command runs what. The options of one command are in its file under
//! [`crate::commands`], those that several share in [`crate::args`].

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::commands::{
    CommandResult, apply::Apply, blame::Blame, capture::Capture, check::Check, complete::Complete,
    completions::Completions, diff::Diff, down::Down, drift::Drift, exec::Exec, explain::Explain,
    fmt::Fmt, graph::Graph, history::History, init::Init, lock::Lock, logs::Logs, man::Man,
    model::Model, parity::Parity, plan::Plan, port_forward::PortForward, rbac::Rbac,
    record::Record, recover::Recover, render::Render, reproduce::Reproduce, restart::Restart,
    rollback::Rollback, run::Run, show::Show, start::Start, status::Status, stop::Stop, stub::Stub,
    test::Test, timeline::Timeline, wait::Wait,
};
use crate::{args::Global, context::Context, overrides, printer::Stdout};

/// A compiler for distributed systems built by many teams.
#[derive(Debug, Parser)]
#[command(
    name = "kcc",
    version,
    arg_required_else_help = true,
    subcommand_required = true
)]
#[command(
    after_help = "Run `kcc help COMMAND` for examples and `kcc explain CODE` for the explanation of an error."
)]
pub struct Cli {
    /// Options of all commands.
    #[command(flatten)]
    pub global: Global,
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// All commands.
#[derive(Debug, Subcommand)]
#[allow(missing_docs, reason = "each command is documented on its type")]
pub enum Command {
    Init(Init),
    Check(Check),
    Fmt(Fmt),
    Lock(Lock),
    Render(Render),
    Model(Model),
    Blame(Blame),
    Parity(Parity),
    Diff(Diff),
    Graph(Graph),
    Plan(Plan),
    Apply(Apply),
    Status(Status),
    Drift(Drift),
    Wait(Wait),
    Logs(Logs),
    Timeline(Timeline),
    Record(Record),
    Capture(Capture),
    Reproduce(Reproduce),
    Test(Test),
    Exec(Exec),
    PortForward(PortForward),
    Restart(Restart),
    Start(Start),
    Stop(Stop),
    Run(Run),
    Down(Down),
    Recover(Recover),
    History(History),
    Show(Show),
    Rollback(Rollback),
    Rbac(Rbac),
    Explain(Explain),
    Completions(Completions),
    Man(Man),
    #[command(name = "__stub")]
    Stub(Stub),
    #[command(name = "__complete")]
    Complete(Complete),
}

impl Command {
    /// Returns what the command writes to stdout.
    pub fn stdout(&self) -> Stdout {
        match self {
            Self::Check(_) | Self::Drift(_) => Stdout::Diagnostics,
            _ => Stdout::Data,
        }
    }

    /// Runs the command.
    pub fn run(self, context: &Context) -> CommandResult {
        if let Self::Init(_)
        | Self::Fmt(_)
        | Self::Explain(_)
        | Self::Completions(_)
        | Self::Man(_) = &self
        {
            overrides::reject(&context.settings)?;
        }
        match self {
            Self::Init(command) => command.run(context),
            Self::Check(command) => command.run(context),
            Self::Fmt(command) => command.run(context),
            Self::Lock(command) => command.run(context),
            Self::Render(command) => command.run(context),
            Self::Model(command) => command.run(context),
            Self::Blame(command) => command.run(context),
            Self::Parity(command) => command.run(context),
            Self::Diff(command) => command.run(context),
            Self::Graph(command) => command.run(context),
            Self::Plan(command) => command.run(context),
            Self::Apply(command) => command.run(context),
            Self::Status(command) => command.run(context),
            Self::Drift(command) => command.run(context),
            Self::Wait(command) => command.run(context),
            Self::Logs(command) => command.run(context),
            Self::Timeline(command) => command.run(context),
            Self::Record(command) => command.run(context),
            Self::Capture(command) => command.run(context),
            Self::Reproduce(command) => command.run(context),
            Self::Test(command) => command.run(context),
            Self::Exec(command) => command.run(context),
            Self::PortForward(command) => command.run(context),
            Self::Restart(command) => command.run(context),
            Self::Start(command) => command.run(context),
            Self::Stop(command) => command.run(context),
            Self::Run(command) => command.run(context),
            Self::Down(command) => command.run(context),
            Self::Recover(command) => command.run(context),
            Self::History(command) => command.run(context),
            Self::Show(command) => command.run(context),
            Self::Rollback(command) => command.run(context),
            Self::Rbac(command) => command.run(context),
            Self::Explain(command) => command.run(context),
            Self::Completions(command) => command.run(context, &mut Cli::command()),
            Self::Man(command) => command.run(context, Cli::command()),
            Self::Stub(command) => command.run(),
            Self::Complete(command) => command.run(context, &mut Cli::command()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn clap_accepts_the_command_line() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_a_summary_and_an_example() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let about = command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                !about.is_empty() && !about.contains('\n'),
                "{name}: the summary is not one line"
            );
            let after = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(after.contains(&format!("kcc {name}")), "{name}: no example");
        }
    }
}
