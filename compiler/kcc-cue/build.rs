//! Builds the CUE evaluator that the binary carries.
//!
//! Go compiles the guest to wasm; the builder, a package of its own with the compiler that the host
//! must not contain, initialises it and compiles it for the target. Both are slow, so the result is
//! kept outside the checkout, in `$KCC_CACHE` or the user's cache directory, under the hash of
//! everything it depends on: another build of the same sources only links to it. If `KCC_EVALUATOR`
//! names the directory of a compiled evaluator, nothing is built.

#![allow(clippy::print_stderr, reason = "a build script prints to cargo")]

use std::{
    env,
    ffi::OsString,
    fmt::Write as _,
    fs::{self, File},
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Instant, SystemTime},
};

use sha2::{Digest, Sha256};

/// The oldest Go that can export functions of a wasm reactor.
const GO: (u32, u32) = (1, 25);

/// The number of evaluators kept in the cache.
const RETAINED: usize = 6;

/// The files outside the builder's directory that it shares with the host.
const SHARED: [&str; 3] = [
    "src/evaluator/memory.rs",
    "src/evaluator/sandbox.rs",
    "src/evaluator/settings.rs",
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo::error={}", message.trim_end().replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let home = variable("CARGO_MANIFEST_DIR")?;
    let crate_dir = Path::new(&home);
    let guest = crate_dir.join("guest");
    let builder = crate_dir.join("builder");
    let schemas = crate_dir.join("../../schemas");
    let shared = SHARED.map(|name| crate_dir.join(name));

    println!(
        "cargo::rerun-if-changed={}",
        crate_dir.join("build.rs").display()
    );
    let watched = [guest.clone(), schemas.clone(), builder.join("src")];
    let manifests = [builder.join("Cargo.toml"), builder.join("Cargo.lock")];
    for path in watched.iter().chain(&manifests).chain(&shared) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    for name in ["KCC_EVALUATOR", "KCC_CACHE", "XDG_CACHE_HOME", "HOME"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    if let Some(evaluator) = env::var_os("KCC_EVALUATOR").filter(|value| !value.is_empty()) {
        let evaluator = Path::new(&evaluator);
        let module = evaluator.join("evaluator.cwasm");
        println!("cargo::rerun-if-changed={}", module.display());
        let identity = key([module].into_iter(), evaluator, &[])?;
        return take(evaluator, &identity);
    }

    let target = variable("TARGET")?;
    let go = go_version(&guest)?;
    let key = key(
        [guest.as_path(), &schemas, &builder.join("src")]
            .into_iter()
            .map(sources)
            .collect::<io::Result<Vec<_>>>()
            .map_err(|error| format!("cannot list the sources of the evaluator: {error}"))?
            .concat()
            .into_iter()
            .chain(manifests)
            .chain(shared),
        crate_dir,
        &[&go, &target],
    )?;

    let cache = cache()?;
    let evaluator = cache.join(format!("evaluator-{key}"));
    if !evaluator.join("evaluator.cwasm").is_file() {
        build(&cache, &evaluator, &guest, &builder, &target)?;
    }
    take(&evaluator, &key)
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("`{name}` is not set; build with cargo"))
}

/// Returns the directory for everything that is slow to build.
fn cache() -> Result<PathBuf, String> {
    let set = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("KCC_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("kcc")))
        .or_else(|| {
            Some(
                set("HOME")
                    .or_else(|| set("USERPROFILE"))?
                    .join(".cache/kcc"),
            )
        })
        .ok_or("set `KCC_CACHE` to a directory for the compiled evaluator")?;
    fs::create_dir_all(&cache)
        .map_err(|error| format!("cannot create the cache `{}`: {error}", cache.display()))?;
    Ok(cache)
}

/// Lists the source files below a directory, sorted, without tests and documents.
fn sources(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            if name != "testdata" {
                found.append(&mut sources(&path)?);
            }
            continue;
        }
        let kind = path.extension().unwrap_or_default();
        let source = ["go", "mod", "sum", "cue", "rs"]
            .iter()
            .any(|known| kind == *known);
        if source && !name.ends_with("_test.go") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Returns the hash of files, named relative to a directory, and of some words.
fn key(
    files: impl Iterator<Item = PathBuf>,
    folder: &Path,
    words: &[&str],
) -> Result<String, String> {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for word in words {
        add(word.as_bytes());
    }
    for path in files {
        let text = fs::read(&path)
            .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
        add(path
            .strip_prefix(folder)
            .unwrap_or(&path)
            .to_string_lossy()
            .as_bytes());
        add(&text);
    }
    Ok(hash
        .finalize()
        .iter()
        .take(12)
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }))
}

/// Returns the version of Go, such as `go1.26.8`, if it is new enough.
fn go_version(guest: &Path) -> Result<String, String> {
    let (major, minor) = GO;
    let wanted = format!(
        "kcc needs Go {major}.{minor} or newer to build its CUE evaluator: install it from \
         https://go.dev/dl and put `go` on the PATH"
    );
    let output = Command::new("go")
        .args(["env", "GOVERSION"])
        .current_dir(guest)
        .stderr(Stdio::null())
        .output()
        .map_err(|_| wanted.clone())?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let mut numbers = version
        .rsplit("go")
        .next()
        .unwrap_or_default()
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|part| part.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if output.status.success() && found >= GO {
        Ok(version)
    } else {
        Err(wanted)
    }
}

/// Builds the evaluator into the cache, one build at a time.
fn build(
    cache: &Path,
    evaluator: &Path,
    guest: &Path,
    builder: &Path,
    target: &str,
) -> Result<(), String> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| format!("{what}: {error}")
    };
    let lock =
        File::create(cache.join("evaluator.lock")).map_err(failed("cannot lock the cache"))?;
    lock.lock().map_err(failed("cannot lock the cache"))?;
    if evaluator.join("evaluator.cwasm").is_file() {
        return Ok(());
    }
    let work = cache.join("evaluator.new");
    let _ = fs::remove_dir_all(&work);
    let fixtures = work.join("fixtures");
    fs::create_dir_all(&fixtures).map_err(failed("cannot write to the cache"))?;

    let wasm = work.join("evaluator.wasm");
    finish(
        compile_guest(guest, &wasm),
        "compiling the evaluator with Go",
    )?;
    let tool = cache.join("evaluator-builder");
    finish(
        compile_builder(builder, &tool),
        "building the evaluator's compiler",
    )?;
    let program = tool
        .join("release")
        .join(format!("kcc-evaluator-builder{}", env::consts::EXE_SUFFIX));
    let mut make = Command::new(&program);
    make.arg(&wasm)
        .arg(work.join("evaluator.cwasm"))
        .args(["--target", target]);
    finish(make, "compiling the evaluator to machine code")?;
    let mut make = Command::new(&program);
    make.arg("--fixtures")
        .arg(&fixtures)
        .args(["--target", target]);
    finish(make, "compiling the test modules")?;

    fs::remove_file(&wasm).map_err(failed("cannot clean up the cache"))?;
    fs::rename(&work, evaluator).map_err(failed("cannot write to the cache"))?;
    remove_old(cache);
    Ok(())
}

fn compile_guest(guest: &Path, wasm: &Path) -> Command {
    let mut go = Command::new("go");
    go.current_dir(guest)
        .args([
            "build",
            "-buildmode=c-shared",
            "-trimpath",
            "-ldflags",
            "-s -w -buildid=",
            "-o",
        ])
        .arg(wasm)
        .arg(".")
        // Makes the output independent of the checkout and the user's settings.
        .envs([
            ("GOOS", "wasip1"),
            ("GOARCH", "wasm"),
            ("CGO_ENABLED", "0"),
            ("GOWORK", "off"),
        ])
        .env("GOFLAGS", "-buildvcs=false -mod=readonly")
        .env_remove("GOWASM")
        .env_remove("GOEXPERIMENT");
    go
}

/// Hides the outer cargo's build settings from the inner one.
fn compile_builder(builder: &Path, target_dir: &Path) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(builder)
        .args(["build", "--release", "--locked", "--target-dir"])
        .arg(target_dir);
    for (name, _) in env::vars_os() {
        if is_of_this_build(&name) {
            command.env_remove(name);
        }
    }
    command
}

fn is_of_this_build(name: &OsString) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    let of_the_user = [
        "CARGO_HOME",
        "CARGO_TERM_",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTR",
    ];
    (name.starts_with("CARGO") && !of_the_user.iter().any(|prefix| name.starts_with(prefix)))
        || name.starts_with("DEP_")
        || [
            "RUSTFLAGS",
            "RUSTC",
            "RUSTDOC",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTC_LINKER",
            "RUSTDOCFLAGS",
            "MAKEFLAGS",
            "MFLAGS",
            "TARGET",
            "HOST",
            "OUT_DIR",
            "OPT_LEVEL",
            "PROFILE",
            "DEBUG",
            "NUM_JOBS",
            "LD_LIBRARY_PATH",
        ]
        .contains(&name)
}

/// Runs a program, and prints its progress and how long it took. Cargo shows it with
/// `-vv`, as `cargo demo` does.
fn finish(mut command: Command, what: &str) -> Result<(), String> {
    let failed = |error: io::Error| format!("{what} failed: {error}");
    eprintln!("{what}");
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut printed = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines() {
            let line = line.map_err(failed)?;
            eprintln!("{line}");
            printed.push(line);
        }
    }
    let status = child.wait().map_err(failed)?;
    if status.success() {
        eprintln!("{what} took {} s", start.elapsed().as_secs());
        return Ok(());
    }
    let progress = |line: &&String| {
        let word = line.trim_start().split(' ').next().unwrap_or_default();
        ["Compiling", "Downloading", "Downloaded", "Finished"].contains(&word)
    };
    let evidence = printed.iter().skip_while(progress).take(12);
    let evidence: Vec<&str> = evidence.map(String::as_str).collect();
    Err(format!("{what} failed: {}", evidence.join("; ")))
}

/// Links the evaluator into this build's output directory and exports its path. One in
/// the cache is not watched: its name says all about it, and one that this build makes
/// would be newer than the build, so that the next one would start over.
fn take(evaluator: &Path, identity: &str) -> Result<(), String> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    link_all(evaluator, &out).map_err(|error| {
        format!(
            "cannot link the evaluator from `{}`: {error}",
            evaluator.display()
        )
    })?;
    println!("cargo::rustc-env=KCC_EVALUATOR_IDENTITY={identity}");
    println!(
        "cargo::rustc-env=KCC_EVALUATOR={}",
        out.join("evaluator.cwasm").display()
    );
    println!(
        "cargo::rustc-env=KCC_EVALUATOR_FIXTURES={}",
        out.join("fixtures").display()
    );
    Ok(())
}

fn link_all(evaluator: &Path, out: &Path) -> io::Result<()> {
    let link = |from: &Path, to: &Path| {
        let _ = fs::remove_file(to);
        fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
    };
    link(
        &evaluator.join("evaluator.cwasm"),
        &out.join("evaluator.cwasm"),
    )?;
    fs::create_dir_all(out.join("fixtures"))?;
    for fixture in fs::read_dir(evaluator.join("fixtures"))? {
        let fixture = fixture?;
        link(
            &fixture.path(),
            &out.join("fixtures").join(fixture.file_name()),
        )?;
    }
    // The most recently used one is removed last.
    let _ = File::open(evaluator).and_then(|dir| dir.set_modified(SystemTime::now()));
    Ok(())
}

/// Removes all but the newest evaluators. A build that uses an older one has its own link to it.
fn remove_old(cache: &Path) {
    let Ok(entries) = fs::read_dir(cache) else {
        return;
    };
    let mut evaluators: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.path().join("evaluator.cwasm").is_file())
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    evaluators.sort();
    evaluators.reverse();
    for (_, old) in evaluators.into_iter().skip(RETAINED) {
        let _ = fs::remove_dir_all(old);
    }
}
