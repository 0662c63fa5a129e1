//! Reports files that a mounted config or secret contains as well: each engine would
//! keep another one of the two.

use kcc_diag::{Code, Diagnostics};

use super::view::View;
use crate::VolumeSource;

pub(super) fn duplicate_file(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for component in view.target.components.values() {
        for (name, volume) in &component.volumes {
            let keys: Vec<&str> = match &volume.source {
                VolumeSource::Config(config) => {
                    let config = view.target.configs.get(config);
                    let data = config.into_iter().flat_map(|config| config.data.keys());
                    data.map(String::as_str).collect()
                }
                VolumeSource::Secret(secret) => vec![secret],
                _ => continue,
            };
            for key in keys {
                let file = format!("{}/{key}", volume.mount);
                if !component.files.contains_key(&file) {
                    continue;
                }
                let mount = component.path.join("volumes").join(name);
                let path = component.path.join("files").join(&file);
                let message = format!("`{path}` and `{mount}` both contain `{file}`");
                let error =
                    view.reporter
                        .error(Code::ModelBadPath, &path, message, "duplicate file");
                let error = view
                    .reporter
                    .add_label(error, &mount, format!("contains `{key}`"));
                diagnostics.push(error.help("remove one of them, or give it another path"));
            }
        }
    }
}
