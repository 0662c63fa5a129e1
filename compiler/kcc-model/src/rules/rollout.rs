//! Rollouts that could never go on, or that contradict what the component is.

use kcc_diag::{Code, Diagnostics};
use kcc_tree::Path;

use super::View;
use crate::{Access, Component, Share, Strategy, VolumeSource};

pub(super) fn rollout(view: &View<'_>, found: &mut Diagnostics) {
    for component in view.target.components.values() {
        for stuck in stuck(component) {
            let error = view.lines.error(
                Code::CheckRolloutStuck,
                &stuck.path,
                stuck.message,
                stuck.label,
            );
            let error = match stuck.because {
                Some((path, label)) => view.lines.also(error, &path, label),
                None => error,
            };
            found.push(error.help(stuck.help));
        }
    }
}

/// Why a rollout does not go on.
struct Stuck {
    path: Path,
    message: String,
    label: &'static str,
    because: Option<(Path, &'static str)>,
    help: &'static str,
}

fn stuck(component: &Component) -> Vec<Stuck> {
    let rollout = &component.rollout;
    let at = |field: &str| component.path.join("rollout").join(field);
    let mut stuck = Vec::new();
    let recreates = rollout.strategy == Some(Strategy::Recreate);
    let written = [
        ("surge", rollout.surge),
        ("unavailable", rollout.unavailable),
    ];
    for (field, share) in written {
        if recreates && share.is_some() && !component.stateful {
            stuck.push(Stuck {
                path: at(field),
                message: format!(
                    "`{}` is for a rolling rollout, but `{}` ends the old one first",
                    at(field),
                    component.path
                ),
                label: "has no meaning",
                because: Some((at("strategy"), "all end at once")),
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
            stuck.push(Stuck {
                path: at(field),
                message: format!(
                    "`{}` is stateful: its replicas are replaced one after the other, whatever `{}` says",
                    component.path,
                    at(field)
                ),
                label: "not for what is stateful",
                because: Some((component.path.join("stateful"), "each has its own name and data")),
                help: "remove the field",
            });
        }
    }
    // What is not said is a surge of one and nothing unavailable; on every
    // machine it is whatever lets the other go on.
    let none = |share: Option<Share>, silent| share.map_or(silent, Share::is_none);
    if !component.stateful
        && !recreates
        && none(rollout.surge, false)
        && none(rollout.unavailable, !component.every_node)
    {
        stuck.push(Stuck {
            path: at("surge"),
            message: format!(
                "no replica of `{}` may be missing and none may be added, so none can be replaced",
                component.path
            ),
            label: "none beyond the wanted number",
            because: rollout
                .unavailable
                .map(|_| (at("unavailable"), "none missing")),
            help: "write `unavailable: 1`, or a `surge` of 1 or more",
        });
    }
    let volume = component
        .volumes
        .iter()
        .find(|(_, volume)| for_one(&volume.source));
    if let (Some(Strategy::Rolling), Some((name, _)), false) =
        (rollout.strategy, volume, component.stateful)
    {
        stuck.push(Stuck {
            path: at("strategy"),
            message: format!(
                "the new replica of `{}` would wait for volume `{name}`, which the old one holds",
                component.path
            ),
            label: "both at once",
            because: Some((component.path.join("volumes").join(name), "for one only")),
            help: "write `strategy: \"recreate\"`, or remove it: that is what such a volume means",
        });
    }
    stuck
}

fn for_one(source: &VolumeSource) -> bool {
    matches!(
        source,
        VolumeSource::Persistent {
            access: Access::ReadWriteOnce | Access::ReadWriteOncePod,
            ..
        }
    )
}
