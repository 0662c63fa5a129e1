//! Checks that the plain `cue` tool accepts and formats every fragment in examples
//! and documents, so that editors and formatters work on them.
//!
//! The tool is built from the CUE version that kcc embeds (`tests/bench/cue`). All
//! cases are ignored if Go is not installed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests panic on failure and report what they skip"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output},
    sync::OnceLock,
};

use libtest_mimic::{Arguments, Failed, Trial};

/// The documents, and directories of documents, that contain fragments.
const DOCUMENTS: [&str; 3] = ["README.md", "docs", "compiler/kcc-diag/pages"];

/// The opening lines of blocks that contain valid fragments.
const FENCES: [&str; 2] = ["```cue\n", "```cue right\n"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let has_go = Command::new("go")
        .arg("version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_go {
        eprintln!("SKIPPED: Go is not installed, so the `cue` tool cannot be built");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut trials = Vec::new();
    for path in files(&root.join("examples"), "cue") {
        trials.push(trial(root, &path, |path| {
            vec![fs::read_to_string(path).unwrap()]
        }));
    }
    for document in DOCUMENTS {
        for path in files(&root.join(document), "md") {
            trials.push(trial(root, &path, |path| {
                blocks(&fs::read_to_string(path).unwrap())
            }));
        }
    }
    trials.push(Trial::test("imports", imports_resolve_as_in_cue));
    let trials = trials
        .into_iter()
        .map(|trial| trial.with_ignored_flag(!has_go))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(root: &Path, path: &Path, texts: fn(&Path) -> Vec<String>) -> Trial {
    let name = path.strip_prefix(root).unwrap().display().to_string();
    let path = path.to_owned();
    Trial::test(name, move || {
        texts(&path).iter().try_for_each(|text| is_formatted(text))
    })
}

/// Returns the files with an extension below a directory, or the file itself.
fn files(path: &Path, extension: &str) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut paths = Vec::new();
    let mut entries: Vec<PathBuf> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            paths.extend(files(&entry, extension));
        } else if entry.extension().is_some_and(|other| other == extension) {
            paths.push(entry);
        }
    }
    paths
}

/// Returns the files in the blocks of a document: a line such as `// web.cue` starts
/// a file.
fn blocks(text: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for fence in FENCES {
        let mut rest = text;
        while let Some((_, inside)) = rest.split_once(&format!("\n{fence}")) {
            let (block, after) = inside.split_once("\n```").unwrap_or((inside, ""));
            let mut file = String::new();
            for line in block.lines() {
                if line.starts_with("// ") && line.strip_suffix(".cue").is_some() {
                    texts.push(std::mem::take(&mut file));
                } else {
                    file += line;
                    file.push('\n');
                }
            }
            texts.push(file);
            rest = after;
        }
    }
    texts.retain(|file| !file.trim().is_empty());
    for file in &mut texts {
        *file = format!("{}\n", file.trim());
    }
    texts
}

/// Checks that `cue fmt` leaves a text unchanged.
fn is_formatted(text: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("fragment.cue"), text).unwrap();
    let output = cue(folder.path(), &["fmt", "--diff", "fragment.cue"]);
    if output.status.success() && output.stdout.is_empty() {
        return Ok(());
    }
    let output = [output.stdout, output.stderr].concat();
    Err(format!(
        "`cue fmt` changes:\n{text}\n{}",
        String::from_utf8_lossy(&output)
    )
    .into())
}

/// The files of a system with its own and vendored packages.
const PACKAGES: [(&str, &str); 8] = [
    (
        "cue.mod/module.cue",
        "module: \"acme.com/shop@v0\"\nlanguage: version: \"v0.15.0\"\n",
    ),
    (
        "cue.mod/pkg/example.org/sizes/sizes.cue",
        "package sizes\n\nsmall: \"64Mi\"\n",
    ),
    (
        "cue.mod/usr/example.org/sizes/more.cue",
        "package sizes\n\nlarge: \"1Gi\"\n",
    ),
    (
        "kcc.cue",
        "package shop\n\nsystem: {name: \"shop\", targets: dev: docker: {}}\n",
    ),
    (
        "libs/base.cue",
        "package web\n\n_zone: \"eu\"\nport: 8080\n",
    ),
    (
        "libs/web/web.cue",
        "package web\n\nimport \"example.org/sizes\"\n\n#Web: {port: 8080, resources: memory: sizes.small, labels: zone: _zone, ...}\n",
    ),
    ("libs/web/other.cue", "package other\n\nfirst: 9090\n"),
    (
        "web.cue",
        "package shop\n\nimport (\n\t\"acme.com/shop/libs/web\"\n\tbase \"acme.com/shop/libs/web@v0\"\n\t\"acme.com/shop/libs/web:other\"\n\t\"example.org/sizes\"\n)\n\nservices: front: web.#Web & {image: \"acme/web:1.4.2\"}\nservices: cart: base.#Web & {image: \"acme/cart:1.0.0\"}\nservices: list: {image: \"acme/list:1.0.0\", port: other.first, resources: memory: sizes.large}\n",
    ),
];

/// Checks that imported packages have the same values in kcc and in the `cue` tool.
fn imports_resolve_as_in_cue() -> Result<(), Failed> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in PACKAGES {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let theirs = cue(folder.path(), &["export", "-e", "services", ".:shop"]);
    let ours = Command::new(env!("CARGO_BIN_EXE_kcc"))
        .args(["model", "--target", "dev"])
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    for output in [&theirs, &ours] {
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
    }
    let theirs: serde_json::Value = serde_json::from_slice(&theirs.stdout).unwrap();
    let ours = String::from_utf8_lossy(&ours.stdout).into_owned();
    for (service, port, label) in [
        ("front", 8080, Some("eu")),
        ("cart", 8080, Some("eu")),
        ("list", 9090, None),
    ] {
        assert_eq!(theirs[service]["port"], port, "{theirs}");
        assert!(ours.contains(&port.to_string()), "{ours}");
        if let Some(label) = label {
            assert_eq!(theirs[service]["labels"]["zone"], label, "{theirs}");
            assert!(ours.contains(label), "{ours}");
        }
    }
    Ok(())
}

/// Runs the `cue` tool without a registry.
fn cue(folder: &Path, args: &[&str]) -> Output {
    static CUE: OnceLock<PathBuf> = OnceLock::new();
    let cue = CUE.get_or_init(build_cue);
    Command::new(cue)
        .args(args)
        .current_dir(folder)
        .env("CUE_REGISTRY", "none")
        .output()
        .unwrap()
}

fn build_cue() -> PathBuf {
    let out = env::temp_dir().join("kcc-cue").join("cue");
    let status = Command::new("go")
        .args(["build", "-trimpath", "-o"])
        .arg(&out)
        .arg("cuelang.org/go/cmd/cue")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/cue"))
        .status()
        .unwrap();
    assert!(status.success(), "the cue tool does not build");
    out
}
