//! Which cluster is meant: the kubeconfig files that the command's environment
//! names, and a context in them; inside a pod without any, the pod's own cluster.

use std::path::{Path, PathBuf};

use kcc_diag::Code;
use kcc_plan::{Error, Options};
use kube::{
    Config,
    config::{KubeConfigOptions, Kubeconfig},
};

/// The configuration of a connection.
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
            "the kubeconfig has no current context, and the target names none",
        )
        .help(known(&kubeconfig)));
    };
    if !kubeconfig.contexts.iter().any(|other| other.name == name) {
        return Err(Error::new(
            Code::PlanNoContext,
            format!("there is no context `{name}` in {}", listed(&files)),
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
                "see what `kubectl --context {name} get nodes` says"
            ))
            .cause(error.to_string())
        })
}

/// The files that `kubectl` would read.
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

/// What the files say together; none if none of them is there.
fn read(files: &[PathBuf]) -> Result<Option<Kubeconfig>, Error> {
    let mut all: Option<Kubeconfig> = None;
    for file in files.iter().filter(|file| file.exists()) {
        let fail = |error: kube::config::KubeconfigError| {
            Error::new(
                Code::PlanNoContext,
                format!("the kubeconfig `{}` cannot be read", file.display()),
            )
            .help("see what `kubectl config view` says of it")
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
    let wanted = context.map(|name| format!(", and the target needs context `{name}`"));
    Error::new(
        Code::PlanNoContext,
        format!(
            "there is no kubeconfig at {}{}",
            listed(files),
            wanted.unwrap_or_default()
        ),
    )
    .help("name one in `KUBECONFIG`, as for `kubectl`")
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
        0 => "name another kubeconfig in `KUBECONFIG`".to_owned(),
        1 => format!("name {} with `--context` or in the target", names[0]),
        _ => format!(
            "name one of {} with `--context` or in the target",
            names.join(", ")
        ),
    }
}
