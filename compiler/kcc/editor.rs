//! The files that let the plain cue tool and editors work in a system: a module, kcc's
//! schema as a vendored package, and a file that applies it to the fragments.
//!
//! kcc needs none of it: it skips the file, and nothing imports the package. The schema
//! is that of the version of kcc that wrote it, so that editors and `cue vet` judge by
//! the same fields as `kcc check`; the check says so if it is another one.

use kcc_cue::{Evaluator, EvaluatorError};

/// The file that applies the schema.
pub const APPLY: &str = "schema.cue";
/// The file that makes the system a module, so that fragments in directories of teams
/// see the declarations above them.
pub const MODULE: &str = "cue.mod/module.cue";
/// The directory of the vendored schema.
pub const SCHEMA: &str = "cue.mod/pkg/kcc.dev/kcc";

/// The version of the language that fragments are written in.
const LANGUAGE: &str = "v0.15.0";

/// Returns the module of a system.
pub fn module(name: &str) -> String {
    format!("module: \"kcc.local/{name}@v0\"\nlanguage: version: \"{LANGUAGE}\"\n")
}

/// The fields of the root that fragments refer to, wherever they are declared.
const FIELDS: [&str; 8] = [
    "services", "jobs", "cronJobs", "backing", "secrets", "configs", "kinds", "grants",
];

/// Returns the file that applies the schema to the fragments of a package.
pub fn apply(package: &str) -> String {
    // A name resolves in CUE only if a file of the package declares it.
    let fields = FIELDS.map(|field| format!("{:<10} _\n", format!("{field}?:")));
    let fields = fields.concat();
    format!(
        "{}\n
// Lets editors and the cue tool know kcc's fields; kcc itself skips this file.
// `kcc init --update` renews it and the schema that it imports.
package {package}

import \"kcc.dev/kcc\"

kcc.#Root
kcc.#Blocks

{fields}",
        crate::load::FOR_CUE
    )
}

/// The schema's type of `ports`, and the type that it has for fragments: kcc's rewrites
/// make numbers long before the schema sees them.
const PORTS: (&str, &str) = (
    "ports?: [string]: #Port\n",
    "ports?: [string]: #PortNumber | #Port\n",
);

/// Returns a file of the schema for a reader that knows none of kcc's rewrites.
fn plain(text: &str) -> String {
    text.replace(PORTS.0, PORTS.1)
}

/// Returns the files of the vendored schema, by their names in [`SCHEMA`].
pub fn schema(evaluator: &Evaluator) -> Result<Vec<(String, String)>, EvaluatorError> {
    let files = kcc_cue::schema(evaluator)?.into_iter();
    let files = files.filter_map(|file| vendored(&file.name, &file.text));
    Ok(files.collect())
}

/// Returns the name in [`SCHEMA`] and the text there of a file of kcc's schema, if it is
/// vendored.
pub fn vendored(name: &str, text: &str) -> Option<(String, String)> {
    let name = name.strip_prefix("schema/")?;
    // The recipes of kinds are kcc's own.
    (!name.contains('/')).then(|| (name.to_owned(), plain(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_for_editors_knows_short_ports() {
        let files = schema(&Evaluator::default()).unwrap();
        let short = files.iter().filter(|(_, text)| text.contains(PORTS.1));
        let short: Vec<_> = short.map(|(name, _)| name.as_str()).collect();
        assert_eq!(short, ["service.cue", "sidecar.cue"]);
        let left = files.iter().find(|(_, text)| text.contains(PORTS.0));
        assert_eq!(left.map(|(name, _)| name.as_str()), None);
    }
}
