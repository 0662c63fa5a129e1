//! [`Kills`]: ends kcc at every fail point that its commands pass on an engine, and
//! checks that plain commands go on from there.
//!
//! A [`Scenario`] is a system with a few commands in order. A recording run tells which
//! points each command passes, and how often. A *trial* runs the commands before one, then
//! that one armed at a point, then the same armed once more at any pass of the recovery,
//! and then plainly: it has to converge with its data as it was, to leave nothing of its
//! own behind once it is taken down, and to touch nothing else.
//!
//! Every run tries every point once, in any of the commands that pass it, and kills every
//! third recovery. With `KCC_KILLS=all` it tries each point in each command at its first,
//! at a middle and at its last pass, and kills each recovery. `KCC_KILLS_SEED` repeats
//! the choices of another run, and `KCC_KILLS="SCENARIO, COMMAND, POINT, PASS, RECOVERY"`
//! one trial.

mod docker;
mod kubernetes;
pub mod outages;
pub mod scenarios;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    env, fs,
    os::unix::process::ExitStatusExt as _,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use kcc_test_support::root;
use regex::Regex;

use crate::{Host, System};

/// The signal by which a process that aborts ends.
const ABORTED: i32 = 6;
/// The least number of points on one engine.
const POINTS: usize = 32;
/// The most trials that are run side by side.
const WORKERS: usize = 4;
/// The file that a trial adds to each volume.
const DATA: &str = "kcc-kills";

/// An engine on which kcc is killed.
pub trait KilledHost: Host + Send + Sync + 'static {
    /// The group of its points, and the source of its client.
    const CLIENT: (&'static str, &'static str);

    /// Calls that no scenario makes, each with the reason.
    const UNPASSED: &'static [(&'static str, &'static str)];

    /// Calls that change what all systems share. Only one of several makes them.
    const SHARED: &'static [&'static str];

    /// Prepares a site for a trial: its images and volumes are as if they never were.
    fn reset(&self, site: &str);

    /// Lists what is left of a system at a site, records included.
    fn left(&self, system: &str, site: &str) -> Vec<String>;

    /// Creates objects at a site that are not kcc's.
    fn create_unmanaged(&self, site: &str);

    /// Describes the objects at a site that are not kcc's, so that every change shows.
    fn unmanaged(&self, site: &str) -> String;

    /// Removes the objects at a site that are not kcc's, and its images and volumes.
    fn remove_unmanaged(&self, site: &str);

    /// Lists what nobody can tell whose it is.
    fn nameless(&self) -> BTreeSet<String>;

    /// Returns the directories of the volumes of a system at a site, by name.
    fn volumes(&self, system: &str, site: &str) -> BTreeMap<String, PathBuf>;
}

/// Makes a copy of a system.
pub type Create<H> = Box<dyn Fn(Arc<H>, &str) -> System<H> + Send + Sync>;
/// Prepares a system for a command.
pub type Before<H> = Box<dyn Fn(&System<H>) + Send + Sync>;

/// A system, and the commands in which kcc is killed.
pub struct Scenario<H: Host> {
    /// The name.
    pub name: &'static str,
    /// Makes a copy of the system, whose name ends with a suffix.
    pub create: Create<H>,
    /// The commands; the last one takes the system down.
    pub commands: Vec<KilledCommand<H>>,
}

/// A command, and how the system is changed before it.
pub struct KilledCommand<H: Host> {
    /// The name.
    pub name: &'static str,
    /// Brings fragments and the engine to their state before the command.
    pub before: Before<H>,
    /// The arguments.
    pub args: &'static [&'static str],
}

/// The passes of points in each command of a scenario, by point.
type Recording = Vec<BTreeMap<String, usize>>;

/// One trial.
#[derive(Debug, Clone)]
struct Trial {
    scenario: usize,
    command: usize,
    point: String,
    /// The pass at which kcc ends, from one.
    pass: usize,
    /// The pass of any point at which its recovery ends.
    recovery: Option<usize>,
}

/// The outcomes of all trials.
#[derive(Debug, Default)]
struct Figures {
    trials: usize,
    recoveries: usize,
    killed_recoveries: usize,
    /// Trials in which a command made fewer calls than it did while it was recorded.
    unreached: usize,
    failures: Vec<String>,
}

/// The kills on one engine.
pub struct Kills<H: Host> {
    testbed: Arc<H>,
    scenarios: Vec<Scenario<H>>,
    random: Mutex<u64>,
}

impl<H: KilledHost> Kills<H> {
    /// Prepares kills in some scenarios.
    pub fn new(testbed: Arc<H>, scenarios: Vec<Scenario<H>>) -> Self {
        let seed = env::var("KCC_KILLS_SEED").ok();
        let seed = seed.map_or_else(
            || u64::from(std::process::id()),
            |seed| seed.parse().unwrap(),
        );
        eprintln!("KCC_KILLS_SEED={seed}");
        let random = Mutex::new(seed);
        Self {
            testbed,
            scenarios,
            random,
        }
    }

    /// Kills kcc everywhere.
    pub fn run(&self) {
        let begin = Instant::now();
        let nameless = self.testbed.nameless();
        let trials = match env::var("KCC_KILLS") {
            Ok(one) if one.contains(',') => vec![self.trial(&one)],
            choice => {
                let recordings = self.record();
                check_coverage::<H>(&recordings);
                match choice.as_deref() {
                    Ok("all") => self.all_trials(&recordings),
                    _ => self.each_point_once(&recordings),
                }
            }
        };
        let points: BTreeSet<_> = trials.iter().map(|trial| trial.point.clone()).collect();
        let figures = self.perform(trials);
        eprintln!(
            "{}: {} points, {} kills, {} of {} recoveries killed, {} not reached, {} failed, {} s",
            H::CLIENT.0,
            points.len(),
            figures.trials - figures.unreached,
            figures.killed_recoveries,
            figures.recoveries,
            figures.unreached,
            figures.failures.len(),
            begin.elapsed().as_secs(),
        );
        let failures = &figures.failures;
        // A failed trial may leave anything.
        assert!(
            !failures.is_empty() || self.testbed.nameless() == nameless,
            "left behind"
        );
        assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    }

    /// Parses a trial.
    fn trial(&self, text: &str) -> Trial {
        let parts: Vec<_> = text.split(',').map(str::trim).collect();
        let [scenario, command, point, pass, recovery] = parts[..] else {
            panic!("`{text}` is not a trial")
        };
        let scenarios = self.scenarios.iter();
        let scenario = scenarios
            .map(|one| one.name)
            .position(|name| name == scenario);
        let scenario = scenario.unwrap();
        let commands = self.scenarios[scenario].commands.iter();
        let command = commands
            .map(|one| one.name)
            .position(|name| name == command);
        Trial {
            scenario,
            command: command.unwrap(),
            point: point.to_owned(),
            pass: pass.parse().unwrap(),
            recovery: recovery.parse().ok(),
        }
    }

    /// Runs every command of every scenario and counts the passes of points.
    fn record(&self) -> Vec<Recording> {
        let all: Vec<_> = (0..self.scenarios.len()).collect();
        let recordings = Mutex::new(BTreeMap::new());
        self.side_by_side(WORKERS, all, |site, scenario| {
            let recording = site.record(&self.scenarios[scenario]);
            lock(&recordings).insert(scenario, recording);
        });
        let recordings = recordings.into_inner().unwrap();
        recordings.into_values().collect()
    }

    fn all_trials(&self, recordings: &[Recording]) -> Vec<Trial> {
        let mut trials = Vec::new();
        for (scenario, command, point, passes) in passed(recordings) {
            let all: usize = recordings[scenario][command].values().sum();
            let middle = 1 + self.random(passes);
            for pass in BTreeSet::from([1, middle, passes]) {
                trials.push(Trial {
                    scenario,
                    command,
                    point: point.to_owned(),
                    pass,
                    recovery: Some(1 + self.random(all)),
                });
            }
        }
        trials
    }

    fn each_point_once(&self, recordings: &[Recording]) -> Vec<Trial> {
        let mut choices: BTreeMap<&str, Vec<(usize, usize, usize)>> = BTreeMap::new();
        for (scenario, command, point, passes) in passed(recordings) {
            let choice = (scenario, command, passes);
            choices.entry(point).or_default().push(choice);
        }
        let mut trials = Vec::new();
        for (point, choices) in choices {
            let (scenario, command, passes) = choices[self.random(choices.len())];
            let all: usize = recordings[scenario][command].values().sum();
            let kills_recovery = trials.len().is_multiple_of(3);
            trials.push(Trial {
                scenario,
                command,
                point: point.to_owned(),
                pass: 1 + self.random(passes),
                recovery: kills_recovery.then(|| 1 + self.random(all)),
            });
        }
        trials
    }

    fn perform(&self, trials: Vec<Trial>) -> Figures {
        let figures = Mutex::new(Figures::default());
        let (alone, others) = trials
            .into_iter()
            .partition::<Vec<_>, _>(|trial| is_call(&trial.point, H::SHARED.iter()));
        let run = |site: &mut Site<'_, H>, trial: Trial| {
            let begin = Instant::now();
            let scenario = &self.scenarios[trial.scenario];
            let tried = panic::catch_unwind(AssertUnwindSafe(|| site.attempt(scenario, &trial)));
            let name = format!(
                "{}, {}, {}, {}, {}",
                scenario.name,
                scenario.commands[trial.command].name,
                trial.point,
                trial.pass,
                trial
                    .recovery
                    .map_or("-".to_owned(), |pass| pass.to_string()),
            );
            let mut figures = lock(&figures);
            figures.trials += 1;
            figures.recoveries += usize::from(trial.recovery.is_some());
            let outcome = match tried {
                Ok(tried) => {
                    figures.killed_recoveries += usize::from(tried.recovery_killed);
                    figures.unreached += usize::from(!tried.killed);
                    match (tried.killed, tried.recovery_killed) {
                        (false, _) => "not reached",
                        (true, false) => "killed, converged",
                        (true, true) => "killed twice, converged",
                    }
                }
                Err(why) => {
                    site.clean();
                    let text = why.downcast_ref::<String>().cloned();
                    let failure = format!("{name}: {}", text.unwrap_or_default());
                    figures.failures.push(failure);
                    "FAILED"
                }
            };
            let seconds = begin.elapsed().as_secs();
            eprintln!("{}. {name}: {outcome}, {seconds} s", figures.trials);
        };
        self.side_by_side(WORKERS, others, run);
        self.side_by_side(1, alone, run);
        figures.into_inner().unwrap()
    }

    /// Runs tasks concurrently, each worker with copies of the systems of its own.
    fn side_by_side<T: Send>(
        &self,
        workers: usize,
        tasks: Vec<T>,
        run: impl Fn(&mut Site<'_, H>, T) + Sync,
    ) {
        let workers = workers.min(tasks.len());
        let tasks = Mutex::new(VecDeque::from(tasks));
        thread::scope(|scope| {
            for worker in 0..workers {
                let (tasks, run) = (&tasks, &run);
                scope.spawn(move || {
                    let mut site = Site {
                        testbed: &self.testbed,
                        worker,
                        systems: BTreeMap::new(),
                        unmanaged: BTreeMap::new(),
                    };
                    loop {
                        let Some(task) = lock(tasks).pop_front() else {
                            break;
                        };
                        run(&mut site, task);
                    }
                });
            }
        });
    }

    /// Returns a number below a bound.
    fn random(&self, bound: usize) -> usize {
        let mut state = lock(&self.random);
        // The constants are those of Knuth's MMIX.
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*state >> 33).unwrap() % bound
    }
}

/// The systems of a worker.
struct Site<'a, H: KilledHost> {
    testbed: &'a Arc<H>,
    worker: usize,
    systems: BTreeMap<&'static str, System<H>>,
    /// The objects at each site that are not kcc's.
    unmanaged: BTreeMap<String, String>,
}

impl<H: KilledHost> Drop for Site<'_, H> {
    fn drop(&mut self) {
        self.clean();
    }
}

/// The outcome of one trial that converged.
#[derive(Debug, Default)]
struct Tried {
    killed: bool,
    recovery_killed: bool,
}

impl<H: KilledHost> Site<'_, H> {
    /// Makes or resets the worker's copy of a scenario's system.
    fn prepare(&mut self, scenario: &Scenario<H>) {
        if !self.systems.contains_key(scenario.name) {
            let suffix = format!("{}{}", scenario.name, self.worker);
            let system = (scenario.create)(self.testbed.clone(), &suffix);
            for site in &system.sites {
                self.testbed.create_unmanaged(site);
                let unmanaged = self.testbed.unmanaged(site);
                self.unmanaged.insert(site.clone(), unmanaged);
            }
            self.systems.insert(scenario.name, system);
        }
        for site in &self.systems[scenario.name].sites {
            self.testbed.reset(site);
        }
    }

    /// Drops all systems, and with them what a failed trial left.
    fn clean(&mut self) {
        for (_, system) in std::mem::take(&mut self.systems) {
            for site in &system.sites {
                self.testbed.remove_unmanaged(site);
            }
        }
    }

    fn record(&mut self, scenario: &Scenario<H>) -> Recording {
        self.prepare(scenario);
        let system = &self.systems[scenario.name];
        let trace = system.path("trace");
        let commands = scenario.commands.iter().map(|command| {
            (command.before)(system);
            let _ = fs::remove_file(&trace);
            let run = Run::of(system, command.args, &[("KCC_FAILPOINTS_TRACE", &trace)]);
            run.assert_done(command.name);
            let mut passes = BTreeMap::new();
            for line in fs::read_to_string(&trace).unwrap().lines() {
                *passes.entry(line.to_owned()).or_default() += 1;
            }
            passes
        });
        let recording = commands.collect();
        self.check_clean(scenario);
        recording
    }

    fn attempt(&mut self, scenario: &Scenario<H>, trial: &Trial) -> Tried {
        self.prepare(scenario);
        let system = &self.systems[scenario.name];
        let (before, rest) = scenario.commands.split_at(trial.command);
        for command in before {
            (command.before)(system);
            Run::of(system, command.args, &[]).assert_done(command.name);
        }
        let (command, after) = rest.split_first().unwrap();
        let down = after.is_empty();
        (command.before)(system);
        let mut data = Data::default();
        if !down {
            data.write(system);
        }
        let mut tried = Tried::default();
        let armed = |points: &str| Run::of(system, command.args, &[("FAILPOINTS", &points)]);
        let first = armed(&format!("{}={}*off->return", trial.point, trial.pass - 1));
        tried.killed = first.is_killed();
        if !tried.killed {
            // It renewed its lock less often than the recorded one.
            first.assert_done(command.name);
            let passes = trial.pass > 1 || is_call(&trial.point, H::SHARED.iter());
            assert!(passes, "{} is not passed at all", trial.point);
        }
        if !down {
            data.write(system);
        }
        if let Some(pass) = trial.recovery {
            let second = armed(&format!("any={}*off->return", pass - 1));
            tried.recovery_killed = second.is_killed();
            if !tried.recovery_killed {
                second.assert_done("recovery");
            }
        }
        Run::of(system, command.args, &[]).assert_done("plain second run");
        if !down {
            let plan = ["plan", "--target", system.target(), "--exit-code"];
            Run::of(system, &plan, &[]).assert_done("plan");
            data.check(system);
            let down = scenario.commands.last().unwrap();
            Run::of(system, down.args, &[]).assert_done("down");
        }
        self.check_clean(scenario);
        tried
    }

    /// Checks that nothing of a system is left, and nothing else is changed.
    fn check_clean(&self, scenario: &Scenario<H>) {
        let system = &self.systems[scenario.name];
        for site in &system.sites {
            let left = self.testbed.left(&system.name, site);
            assert!(left.is_empty(), "left behind: {left:?}");
            let unmanaged = self.testbed.unmanaged(site);
            assert_eq!(unmanaged, self.unmanaged[site], "not kcc's");
        }
    }
}

/// The result of one command.
struct Run {
    status: std::process::ExitStatus,
    text: String,
}

impl Run {
    fn of<H: Host>(
        system: &System<H>,
        args: &[&str],
        env: &[(&str, &dyn AsRef<std::ffi::OsStr>)],
    ) -> Self {
        let mut command = system.command(args);
        // Earlier versions of kcc kept their records there.
        command.env("XDG_STATE_HOME", system.path("state"));
        for (name, value) in env {
            command.env(name, value.as_ref());
        }
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        Self {
            status: output.status,
            text: String::from_utf8(text).unwrap(),
        }
    }

    fn is_killed(&self) -> bool {
        self.status.signal() == Some(ABORTED)
    }

    #[track_caller]
    fn assert_done(&self, name: &str) {
        assert!(
            self.status.success(),
            "{name}: {}: {}",
            self.status,
            self.text
        );
    }
}

/// The content of volumes.
#[derive(Default)]
struct Data(BTreeMap<String, Vec<u8>>);

impl Data {
    /// Writes data into each volume that has none yet but is in use: an engine gives an
    /// empty one the content of the image.
    fn write<H: KilledHost>(&mut self, system: &System<H>) {
        for (name, directory) in volumes(system) {
            if fs::read_dir(&directory).unwrap().next().is_none() {
                continue;
            }
            self.0.entry(name).or_insert_with_key(|name| {
                let noise = fs::read("/proc/sys/kernel/random/uuid").unwrap();
                let data = [name.as_bytes(), &noise].concat();
                fs::write(directory.join(DATA), &data).unwrap();
                data
            });
        }
    }

    fn check<H: KilledHost>(&self, system: &System<H>) {
        let volumes = volumes(system);
        for (name, data) in &self.0 {
            let directory = &volumes[name];
            let now = fs::read(directory.join(DATA));
            assert_eq!(now.ok().as_ref(), Some(data), "data of volume {name}");
        }
    }
}

fn volumes<H: KilledHost>(system: &System<H>) -> BTreeMap<String, PathBuf> {
    let sites = system.sites.iter();
    sites
        .flat_map(|site| system.testbed.volumes(&system.name, site))
        .collect()
}

/// Lists the passes of all points: scenario, command, point and their number.
fn passed(recordings: &[Recording]) -> Vec<(usize, usize, &str, usize)> {
    let mut all = Vec::new();
    for (scenario, recording) in recordings.iter().enumerate() {
        for (command, points) in recording.iter().enumerate() {
            let points = points.iter();
            all.extend(points.map(|(point, passes)| (scenario, command, point.as_str(), *passes)));
        }
    }
    all
}

/// Checks that the scenarios pass every point that the code has, so that no call that
/// changes something is forgotten.
fn check_coverage<H: KilledHost>(recordings: &[Recording]) {
    let passed: BTreeSet<_> = passed(recordings)
        .into_iter()
        .map(|(_, _, p, _)| p)
        .collect();
    let all = points_of(H::CLIENT.0, H::CLIENT.1);
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    assert!(all.len() >= POINTS, "{all:#?}");
    let is_unpassed = |point: &str| is_call(point, H::UNPASSED.iter().map(|(call, _)| call));
    let missed: Vec<_> = all
        .iter()
        .filter(|point| !passed.contains(**point) && !is_unpassed(point))
        .collect();
    assert!(missed.is_empty(), "no scenario passes {missed:#?}");
    let unknown: Vec<_> = passed.iter().filter(|point| !all.contains(point)).collect();
    assert!(
        unknown.is_empty(),
        "passed, but not found in the code: {unknown:#?}"
    );
    let passed: Vec<_> = passed.iter().filter(|point| is_unpassed(point)).collect();
    assert!(passed.is_empty(), "passed after all: {passed:#?}");
}

/// Returns true if a point is before or after one of some calls.
fn is_call<'a>(point: &str, mut calls: impl Iterator<Item = &'a &'a str>) -> bool {
    let call = point.rsplit_once("::").map(|(call, _)| call);
    call.is_some_and(|of| calls.any(|call| *call == of))
}

/// Returns the points in the code of an engine's client and of the record.
pub fn points_of(group: &str, client: &str) -> BTreeSet<String> {
    let calls = Regex::new(r#"\b(?:mutate|unfenced|apply_as|merge)\(\s*"([a-z-]+)""#).unwrap();
    let around = Regex::new(r#"\baround\(\s*"([a-z]+)",\s*"([a-z-]+)""#).unwrap();
    let mut points = BTreeSet::new();
    let mut add = |group: &str, name: &str| {
        for moment in ["before", "after"] {
            points.insert(format!("{group}::{name}::{moment}"));
        }
    };
    let engine = PathBuf::from(client).parent().unwrap().to_owned();
    for directory in [
        client,
        engine.to_str().unwrap(),
        "runtime/kcc-plan/src/record",
    ] {
        for entry in fs::read_dir(root().join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for call in calls.captures_iter(&text) {
                add(group, &call[1]);
            }
            for call in around.captures_iter(&text) {
                add(&call[1], &call[2]);
            }
        }
    }
    points
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
