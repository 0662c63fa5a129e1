//! Compiles the wasm module of the CUE evaluator to machine code, at build time.
//!
//! `kcc-evaluator-builder IN.wasm OUT.cwasm --target TRIPLE` joins the module's data segments, runs
//! its initialisation, stores the resulting memory in the module, and compiles it for the target.
//! The same input gives the same bytes. `kcc-evaluator-builder --fixtures DIR --target TRIPLE`
//! compiles the small modules that the host's tests run instead of the evaluator.
//!
//! It is a package of its own because Cargo unifies features within a workspace, and the runtime in
//! kcc must be built without a compiler.

mod fixtures;
#[path = "../../src/evaluator/memory.rs"]
mod memory;
#[path = "../../src/evaluator/sandbox.rs"]
mod sandbox;
mod segments;
#[path = "../../src/evaluator/settings.rs"]
mod settings;
mod snapshot;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use wasmtime::{Engine, OptLevel};

const USAGE: &str = "kcc-evaluator-builder (IN.wasm OUT.cwasm | --fixtures DIR) [--target TRIPLE]";

enum Job {
    Evaluator { input: PathBuf, output: PathBuf },
    Fixtures { folder: PathBuf },
}

fn main() -> ExitCode {
    match arguments().and_then(|(job, target)| run(&job, target.as_deref())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kcc-evaluator-builder: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<(Job, Option<String>)> {
    let mut paths = Vec::new();
    let mut fixtures = None;
    let mut target = None;
    let mut words = std::env::args_os().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("usage: {USAGE}"));
        match word.to_str() {
            Some("--target") => target = Some(value()?.to_string_lossy().into_owned()),
            Some("--fixtures") => fixtures = Some(PathBuf::from(value()?)),
            Some(flag) if flag.starts_with('-') => bail!("unknown flag `{flag}`; usage: {USAGE}"),
            _ => paths.push(PathBuf::from(word)),
        }
    }
    let job = match (fixtures, paths.as_slice()) {
        (Some(folder), []) => Job::Fixtures { folder },
        (None, [input, output]) => Job::Evaluator { input: input.clone(), output: output.clone() },
        _ => bail!("usage: {USAGE}"),
    };
    Ok((job, target))
}

fn run(job: &Job, target: Option<&str>) -> Result<()> {
    let compiler = compiler(target)?;
    match job {
        Job::Evaluator { input, output } => {
            let wasm = std::fs::read(input)
                .with_context(|| format!("cannot read `{}`", input.display()))?;
            let joined = segments::join(&wasm)?;
            drop(wasm);
            let warm = snapshot::take(&joined)?;
            compile(&compiler, &warm, output)
        }
        Job::Fixtures { folder } => fixtures::all()
            .into_iter()
            .try_for_each(|(name, wasm)| compile(&compiler, &wasm, &folder.join(name))),
    }
}

/// Returns a compiler with the settings that the host uses.
fn compiler(target: Option<&str>) -> Result<Engine> {
    let mut config = settings::settings();
    // A host without these features rejects a module that has them.
    config
        .wasm_component_model(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_threads(false)
        .wasm_exceptions(false)
        .cranelift_opt_level(OptLevel::Speed);
    // Without a target, the flags of this machine's processor end up in the module, and another
    // machine of the same architecture rejects it.
    let own = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let target = target.unwrap_or(&own);
    config.target(target).map_err(anyhow::Error::msg)?;
    Engine::new(&config)
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("cannot compile for `{target}`"))
}

fn compile(compiler: &Engine, wasm: &[u8], output: &Path) -> Result<()> {
    let code = compiler
        .precompile_module(wasm)
        .map_err(anyhow::Error::msg)
        .context("cannot compile the module")?;
    std::fs::write(output, code).with_context(|| format!("cannot write `{}`", output.display()))
}
