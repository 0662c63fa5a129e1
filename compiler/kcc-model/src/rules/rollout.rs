//! Reports rollout settings that would never make progress or that contradict other
//! fields of the component.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::view::View;
use crate::{Access, Component, Share, Strategy, TargetModel};

pub(super) fn rollout(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for component in view.target.components.values() {
        for stuck in stuck_settings(view.target, component) {
            let error = view.reporter.error(
                Code::CheckRolloutStuck,
                &stuck.path,
                stuck.message,
                stuck.label,
            );
            let error = match stuck.because {
                Some((path, label)) => view.reporter.add_label(error, &path, label),
                None => error,
            };
            diagnostics.push(error.help(stuck.help));
        }
    }
}

/// A rollout setting that is wrong, and the line it contradicts.
struct StuckSetting {
    path: Path,
    message: String,
    label: &'static str,
    because: Option<(Path, &'static str)>,
    help: &'static str,
}

fn stuck_settings(target: &TargetModel, component: &Component) -> Vec<StuckSetting> {
    let mut stuck = settings_without_effect(component);
    stuck.extend(no_replica_replaced(component));
    stuck.extend(volume_mounted_once(target, component));
    stuck
}

/// Finds settings for a rolling rollout of components that are replaced otherwise.
fn settings_without_effect(component: &Component) -> Vec<StuckSetting> {
    let rollout = &component.rollout;
    let at = |field: &str| component.path.join("rollout").join(field);
    let mut stuck = Vec::new();
    let recreates = rollout.strategy == Some(Strategy::Recreate);
    let declared = [
        ("surge", rollout.surge),
        ("unavailable", rollout.unavailable),
    ];
    for (field, share) in declared {
        if recreates && share.is_some() && !component.stateful {
            stuck.push(StuckSetting {
                path: at(field),
                message: format!(
                    "`{}` is for a rolling rollout, but `{}` stops the old replicas first",
                    at(field),
                    component.path
                ),
                label: "has no effect",
                because: Some((at("strategy"), "stops all replicas at once")),
                help: "remove one of the two",
            });
        }
    }
    for (field, used) in [
        ("strategy", recreates),
        ("surge", rollout.surge.is_some()),
        ("unavailable", rollout.unavailable.is_some()),
    ] {
        if component.stateful && used {
            stuck.push(StuckSetting {
                path: at(field),
                message: format!(
                    "`{}` is stateful: its replicas are replaced one by one regardless of `{}`",
                    component.path,
                    at(field)
                ),
                label: "not for stateful components",
                because: Some((
                    component.path.join("stateful"),
                    "replicas with their own name and data",
                )),
                help: "remove the field",
            });
        }
    }
    stuck
}

/// Finds a rollout that may neither add nor remove a replica.
fn no_replica_replaced(component: &Component) -> Option<StuckSetting> {
    let rollout = &component.rollout;
    let at = |field: &str| component.path.join("rollout").join(field);
    // The defaults are a surge of one and none unavailable. With `everyNode`
    // each defaults to whatever lets the other make progress.
    let is_zero = |share: Option<Share>, silent| share.map_or(silent, Share::is_zero);
    let is_stuck = !component.stateful
        && rollout.strategy != Some(Strategy::Recreate)
        && is_zero(rollout.surge, false)
        && is_zero(rollout.unavailable, !component.every_node);
    is_stuck.then(|| StuckSetting {
        path: at("surge"),
        message: format!(
            "the rollout of `{}` allows neither surge nor unavailable replicas, so none can be replaced",
            component.path
        ),
        label: "no surge",
        because: rollout
            .unavailable
            .map(|_| (at("unavailable"), "none unavailable")),
        help: "write `unavailable: 1`, or a `surge` of 1 or more",
    })
}

/// Finds a rolling rollout of a component whose volume only one replica can mount.
fn volume_mounted_once(target: &TargetModel, component: &Component) -> Option<StuckSetting> {
    if component.rollout.strategy != Some(Strategy::Rolling) || component.stateful {
        return None;
    }
    let mut volumes = component.volumes.iter();
    let (name, _) =
        volumes.find(|(_, volume)| target.access(volume).is_some_and(Access::is_single))?;
    Some(StuckSetting {
        path: component.path.join("rollout").join("strategy"),
        message: format!(
            "the new replica of `{}` would wait for volume `{name}`, which the old one has mounted",
            component.path
        ),
        label: "runs both at once",
        because: Some((
            component.path.join("volumes").join(name),
            "can be mounted once",
        )),
        help: "write `strategy: \"recreate\"`, or remove it: recreate is the default with such a volume",
    })
}
