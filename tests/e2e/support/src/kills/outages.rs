//! Engines that end, or whose disk is full, while kcc changes a target.

use std::{
    fs::{self, File},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::System;

use super::{Data, KilledHost, Run, scenarios::UpAndDown};

/// The time in which a command has to say something.
const PATIENCE: Duration = Duration::from_mins(2);

/// A system on an engine that fails.
pub struct Outages<H: KilledHost> {
    system: System<H>,
    args: UpAndDown,
    data: Data,
}

/// A command that runs, with its output in a file.
struct Running<'a, H: KilledHost> {
    system: &'a System<H>,
    child: Child,
}

impl<H: KilledHost> Outages<H> {
    /// Names the system and its commands.
    pub fn new(system: System<H>, args: UpAndDown) -> Self {
        let data = Data::default();
        Self { system, args, data }
    }

    /// Ends the engine once an apply has said something, lets it fail, starts the engine
    /// again, and checks that a plain apply completes the first one.
    pub fn engine_ends_at(&mut self, text: &str, end: impl FnOnce(), start: impl FnOnce()) {
        let running = Running::start(&self.system, self.args[0]);
        running.wait_for(text);
        self.data.write(&self.system);
        end();
        let failed = running.end();
        start();
        failed.assert_failed(text);
        self.converges();
    }

    /// Applies while something is missing, and then without that.
    pub fn fails_while(&mut self, lacks: impl FnOnce(), has: impl FnOnce()) -> bool {
        lacks();
        let ran = Run::of(&self.system, self.args[0], &[]);
        let failed = !ran.status.success();
        if failed {
            ran.assert_failed("a lack");
        }
        self.data.write(&self.system);
        has();
        self.converges();
        failed
    }

    fn converges(&mut self) {
        let (system, [apply, down]) = (&self.system, self.args);
        Run::of(system, apply, &[]).assert_done("plain second run");
        let plan = ["plan", "--target", system.target(), "--exit-code"];
        Run::of(system, &plan, &[]).assert_done("plan");
        self.data.check(system);
        Run::of(system, down, &[]).assert_done("down");
        for site in &system.sites {
            let left = system.testbed.left(&system.name, site);
            assert!(left.is_empty(), "left behind: {left:?}");
            system.testbed.reset(site);
        }
        self.data = Data::default();
    }
}

impl Run {
    /// Asserts that a command failed with a code, and not because of a bug of kcc.
    #[track_caller]
    fn assert_failed(&self, name: &str) {
        let is_environment = matches!(self.status.code(), Some(3 | 4));
        let has_code = self.text.contains("error[kcc::");
        assert!(
            is_environment && has_code,
            "{name}: {}: {}",
            self.status,
            self.text
        );
    }
}

impl<'a, H: KilledHost> Running<'a, H> {
    fn start(system: &'a System<H>, args: &[&str]) -> Self {
        let output = File::create(system.path("output")).unwrap();
        let mut command = system.command(args);
        command
            .env("XDG_STATE_HOME", system.path("state"))
            .stdout(Stdio::from(output.try_clone().unwrap()))
            .stderr(Stdio::from(output));
        let child = command.spawn().unwrap();
        Self { system, child }
    }

    fn text(&self) -> String {
        fs::read_to_string(self.system.path("output")).unwrap()
    }

    fn wait_for(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.text().contains(text) {
            assert!(Instant::now() < end, "no `{text}`: {}", self.text());
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn end(mut self) -> Run {
        let status = self.child.wait().unwrap();
        let text = self.text();
        Run { status, text }
    }
}
