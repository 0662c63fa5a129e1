//! Checks that `kcc blame` explains every field of every rendered object in the
//! examples, by lines of fragments or by the reason why kcc sets it.

use clap::Parser;
use kcc::{
    cli::Cli,
    context::Context,
    pipeline::{Targets, traced},
    printer::Printer,
    provenance::{UNKNOWN_SOURCE, blame_object},
    settings::{Environment, Settings},
};
use kcc_tree::Path;

use super::{Copy, EXAMPLES};

/// Returns the context of a command in a copy of an example.
pub(crate) fn context(copy: &Copy) -> Context {
    let cli = Cli::try_parse_from(["kcc", "--quiet", "check"]).unwrap();
    let environment = Environment {
        current_dir: copy.root().to_owned(),
        ..Environment::default()
    };
    let settings = Settings::new(&cli.global, environment);
    Context {
        printer: Printer::new(&settings),
        settings,
    }
}

#[test]
fn every_rendered_field_has_a_source() {
    for (name, targets) in EXAMPLES {
        let copy = Copy::of(name);
        let context = context(&copy);
        for target in targets {
            let system =
                traced(&context, None, &Targets::of(&[(*target).to_owned()]), true).unwrap();
            let mut missing = Vec::new();
            for object in system.lowered(target).unwrap().objects() {
                let all = (object.kind.as_str(), object.name.as_str(), &Path::default());
                for (field, values) in blame_object(&system, target, all).unwrap().unwrap() {
                    let is_explained = match field.because {
                        Some(why) => why != UNKNOWN_SOURCE,
                        None => !values.is_empty(),
                    };
                    if !is_explained || values.iter().any(|value| value.lines.is_empty()) {
                        missing.push(format!("{}/{}:{}", object.kind, object.name, field.field));
                    }
                }
            }
            assert!(
                missing.is_empty(),
                "{name} in {target}: lowering records no source for these fields:\n{}",
                missing.join("\n")
            );
        }
    }
}
