//! Reports references to undeclared configs and keys of configs.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::view::View;
use crate::{EnvValue, VolumeSource};
use kcc_diag::nearest;

pub(super) fn unknown_config(view: &View<'_>, diagnostics: &mut Diagnostics) {
    let declared = view.reporter.field_names(&Path::of(["configs"]));
    for component in view.target.components.values() {
        let env = component.containers().flat_map(|(path, container)| {
            let env = container.env.iter();
            env.filter_map(move |(variable, value)| match value {
                EnvValue::Config { name, key } => {
                    Some((name, Some(key), path.join("env").join(variable)))
                }
                _ => None,
            })
        });
        let volumes = component
            .volumes
            .iter()
            .filter_map(|(volume, value)| match &value.source {
                VolumeSource::Config(name) => Some((
                    name,
                    None,
                    component.path.join("volumes").join(volume).join("config"),
                )),
                _ => None,
            });
        for (name, key, path) in env.chain(volumes) {
            let (message, label, better, fallback) = match (view.target.configs.get(name), key) {
                (Some(config), Some(key)) if !config.data.contains_key(key) => (
                    format!("config `{name}` of `{}` has no key `{key}`", config.team),
                    "no such key",
                    nearest(key, config.data.keys().map(String::as_str)),
                    format!("add it: `configs: {name:?}: data: {key:?}: \"…\"`"),
                ),
                (None, _) if !declared.contains(name) => (
                    format!(
                        "`{}` refers to config `{name}`, which is not declared",
                        component.path
                    ),
                    "no such config",
                    nearest(name, declared.iter().map(String::as_str)),
                    format!("declare it: `configs: {name:?}: data: {{…}}`"),
                ),
                _ => continue,
            };
            let error = view
                .reporter
                .error(Code::CheckUnknownConfig, &path, message, label);
            diagnostics.push(error.missing(name).help(match better {
                Some(better) => format!("did you mean `{better}`?"),
                None => fallback,
            }));
        }
    }
}
