//! Every field of every object that an example is rendered to can be traced to
//! the lines that it comes from, or kcc says why it writes it itself.

use clap::Parser;
use kcc::{
    cli::Cli,
    commands::Context,
    compile::{Targets, traced},
    printer::Printer,
    settings::{Environment, Settings},
    trace::{UNKNOWN, rendered},
};
use kcc_lower::source::objects;
use kcc_tree::Path;

use super::{Copy, EXAMPLES};

#[test]
fn every_field_leads_to_a_line() {
    for (name, targets) in EXAMPLES {
        let copy = Copy::of(name);
        let cli = Cli::try_parse_from(["kcc", "--quiet", "check"]).unwrap();
        let environment = Environment {
            folder: copy.root(),
            ..Environment::default()
        };
        let settings = Settings::new(&cli.global, environment);
        let context = Context {
            printer: Printer::new(&settings),
            settings,
        };
        for target in targets {
            let system =
                traced(&context, None, &Targets::of(&[(*target).to_owned()]), true).unwrap();
            let mut missing = Vec::new();
            for object in objects(&system.desired(target).unwrap()) {
                let all = (object.kind.as_str(), object.name.as_str(), &Path::default());
                for (field, traced) in rendered(&system, target, all).unwrap().unwrap() {
                    let said = match field.because {
                        Some(why) => why != UNKNOWN,
                        None => !traced.is_empty(),
                    };
                    if !said || traced.iter().any(|value| value.lines.is_empty()) {
                        missing.push(format!("{}/{}:{}", object.kind, object.name, field.field));
                    }
                }
            }
            assert!(
                missing.is_empty(),
                "{name} in {target}: `compiler/kcc-lower/src/source` does not say where these come \
                 from:\n{}",
                missing.join("\n")
            );
        }
    }
}
