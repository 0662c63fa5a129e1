//! Finds the cluster: the kubeconfig files in the command's environment and a
//! context in them or, inside a pod without any, the pod's own cluster.

use std::path::{Path, PathBuf};

use kcc_diag::Code;
use kcc_plan::{Error, Options};
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
};

/// Returns the configuration of a connection.
pub(super) async fn find(context: Option<&str>, options: &Options) -> Result<Config, Error> {
    let files = files(options);
    let Some(kubeconfig) = read(&files)? else {
        if context.is_none()
            && options.var("KUBERNETES_SERVICE_HOST").is_some()
            && let Ok(config) = Config::incluster()
        {
            return Ok(config);
        }
        return Err(nowhere(&files, context));
    };
    let Some(name) = context.or(kubeconfig.current_context.as_deref()) else {
        return Err(Error::new(
            Code::PlanNoContext,
            "the kubeconfig has no current context and the target names none",
        )
        .help(known(&kubeconfig)));
    };
    if !kubeconfig.contexts.iter().any(|other| other.name == name) {
        return Err(Error::new(
            Code::PlanNoContext,
            format!("context `{name}` not found in {}", listed(&files)),
        )
        .help(known(&kubeconfig)));
    }
    let wanted = KubeConfigOptions {
        context: Some(name.to_owned()),
        ..KubeConfigOptions::default()
    };
    let name = name.to_owned();
    Config::from_custom_kubeconfig(kubeconfig, &wanted)
        .await
        .map_err(|error| {
            Error::new(
                Code::PlanNoContext,
                format!("context `{name}` in {} is incomplete", listed(&files)),
            )
            .help(format!(
                "check it with `kubectl --context {name} get nodes`"
            ))
            .cause(error.to_string())
        })
}

/// Returns the files that `kubectl` would read.
fn files(options: &Options) -> Vec<PathBuf> {
    if let Some(list) = options.var("KUBECONFIG") {
        return std::env::split_paths(list)
            .filter(|path| !path.as_os_str().is_empty())
            .collect();
    }
    let home = options.var("HOME").map(Path::new);
    home.map(|home| home.join(".kube/config"))
        .into_iter()
        .collect()
}

/// Merges the existing files; none if there are none.
fn read(files: &[PathBuf]) -> Result<Option<Kubeconfig>, Error> {
    let mut all: Option<Kubeconfig> = None;
    for file in files.iter().filter(|file| file.exists()) {
        let fail = |error: kube::config::KubeconfigError| {
            Error::new(
                Code::PlanNoContext,
                format!("cannot read kubeconfig `{}`", file.display()),
            )
            .help("check it with `kubectl config view`")
            .cause(error.to_string())
        };
        let one = Kubeconfig::read_from(file).map_err(fail)?;
        all = Some(match all {
            Some(before) => before.merge(one).map_err(fail)?,
            None => one,
        });
    }
    Ok(all)
}

fn nowhere(files: &[PathBuf], context: Option<&str>) -> Error {
    let wanted = context.map(|name| format!(", but the target needs context `{name}`"));
    Error::new(
        Code::PlanNoContext,
        format!(
            "no kubeconfig at {}{}",
            listed(files),
            wanted.unwrap_or_default()
        ),
    )
    .help("set `KUBECONFIG` to an existing kubeconfig")
}

fn listed(files: &[PathBuf]) -> String {
    if files.is_empty() {
        return "`~/.kube/config`".to_owned();
    }
    let names: Vec<_> = files
        .iter()
        .map(|file| format!("`{}`", file.display()))
        .collect();
    names.join(", ")
}

fn known(kubeconfig: &Kubeconfig) -> String {
    let names: Vec<_> = kubeconfig
        .contexts
        .iter()
        .map(|context| format!("`{}`", context.name))
        .collect();
    match names.len() {
        0 => "set `KUBECONFIG` to another kubeconfig".to_owned(),
        1 => format!("select {} with `--context` or in the target", names[0]),
        _ => format!(
            "select one of {} with `--context` or in the target",
            names.join(", ")
        ),
    }
}
