//! [`given`]: what no fragment says of a component, since its needs give it.

use kcc_model::{EnvValue, TargetModel};
use kcc_tree::{ConfigTree, Path};

use super::{object::made, value::Traced};

/// The variables at and below a path that needs give, each with the lines that
/// say the need.
pub fn given(tree: &ConfigTree, model: &TargetModel, path: &Path) -> Vec<Traced> {
    let mut found = Vec::new();
    for component in model.components.values() {
        for (container, described) in component.containers() {
            let env = container.join("env");
            for (variable, value) in &described.env {
                let at = env.join(variable);
                if !at.0.starts_with(&path.0) || tree.get(&model.target, &at).is_some() {
                    continue;
                }
                let Some(need) = component.need_behind(variable) else {
                    continue;
                };
                let need = component.path.join("needs").join(need);
                found.extend(
                    made(tree, &model.target, &need)
                        .into_iter()
                        .map(|made| Traced {
                            path: at.clone(),
                            value: Some(shown(value)),
                            ..made
                        }),
                );
            }
        }
    }
    found
}

/// Text as it is; what holds a secret or a config as `kcc model` writes it.
fn shown(value: &EnvValue) -> serde_json::Value {
    match value {
        EnvValue::Literal(text) => text.as_str().into(),
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}
