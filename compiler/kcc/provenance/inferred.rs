//! [`inferred_variables`]: environment variables that no fragment declares because
//! kcc infers them from needs.

use kcc_model::{EnvValue, TargetModel};
use kcc_tree::{ConfigTree, Path};

use super::{object::blame_declaration, value::ValueBlame};

/// Returns the inferred variables at and below a path, each with the lines that
/// declare the need.
pub fn inferred_variables(tree: &ConfigTree, model: &TargetModel, path: &Path) -> Vec<ValueBlame> {
    let mut blames = Vec::new();
    for component in model.components.values() {
        for (container, described) in component.containers() {
            let env = container.join("env");
            for (variable, value) in &described.env {
                let at = env.join(variable);
                if !at.0.starts_with(&path.0) || tree.get(&model.target, &at).is_some() {
                    continue;
                }
                let Some(need) = component.need_providing(variable) else {
                    continue;
                };
                let need = component.path.join("needs").join(need);
                blames.extend(
                    blame_declaration(tree, &model.target, &need)
                        .into_iter()
                        .map(|declaration| ValueBlame {
                            path: at.clone(),
                            value: Some(to_json(value)),
                            ..declaration
                        }),
                );
            }
        }
    }
    blames
}

/// Converts a variable to JSON: a literal as text, a reference to a secret or
/// config as in `kcc model`.
fn to_json(value: &EnvValue) -> serde_json::Value {
    match value {
        EnvValue::Literal(text) => text.as_str().into(),
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}
