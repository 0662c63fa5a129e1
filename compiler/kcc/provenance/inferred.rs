//! Environment variables that no fragment declares because kcc infers them from needs,
//! and those that it does not set.

use kcc_model::{EnvValue, Kind, TargetModel};
use kcc_tree::{ConfigTree, Path};

use super::{object::blame_declaration, value::ValueBlame};
use crate::failure::Failure;

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

/// Returns how to ask for a variable that a need does not set because its URL contains a
/// password, if a path is that of such a variable.
pub fn withheld_url(model: &TargetModel, path: &Path) -> Option<Failure> {
    for component in model.components.values() {
        for (container, _) in component.containers() {
            let env = container.join("env");
            let Some([variable]) = path.0.strip_prefix(&env.0[..]) else {
                continue;
            };
            let need = component.need_providing(variable)?;
            let Kind::Backing { outputs, .. } = &model.components.get(need)?.kind else {
                return None;
            };
            return (variable.ends_with("_URL") && outputs.contains_key("url")).then(|| {
                Failure::usage(
                    format!("`{path}` is not set: the URL of `{need}` contains a password"),
                    format!("write `env: {variable}: {{from: {need:?}, output: \"url\"}}`"),
                )
            });
        }
    }
    None
}

/// Converts a variable to JSON: a literal as text, a reference to a secret or
/// config as in `kcc model`.
fn to_json(value: &EnvValue) -> serde_json::Value {
    match value {
        EnvValue::Literal(text) => text.as_str().into(),
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}
