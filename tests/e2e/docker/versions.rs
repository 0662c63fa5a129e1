//! Two versions of kcc that change one target in turn.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use kcc_test_engines::{
    Host as _, SHELL, System,
    docker::Testbed,
    kills::{KilledHost as _, scenarios::write_ledger},
    trials::Case,
};
use kcc_test_support::{CommandOutput, binary};

/// The number of applies.
const ROUNDS: usize = 100;

/// Returns the case, if `KCC_OTHER` names the program of another version.
pub(crate) fn case() -> Option<Case<Testbed>> {
    let other = PathBuf::from(env::var_os("KCC_OTHER")?);
    let name = "two_versions_change_one_target_in_turn";
    Some(Case::new(name, move |testbed| in_turn(&testbed, &other)))
}

fn in_turn(testbed: &Arc<Testbed>, other: &Path) {
    let system = System::of(testbed.clone(), "hello", "dev", "versions");
    testbed.shell_image(SHELL);
    write_ledger(&system);
    system.stand_in();
    let both = [binary(), other.to_owned()];
    let run = |round: usize, args: &[&str]| {
        let mut command = Command::new(&both[round % 2]);
        let (variable, value) = testbed.variable();
        command.args(args).current_dir(system.path(""));
        let ran = CommandOutput::of(command.env(variable, value));
        assert_eq!(ran.code, Some(0), "round {round}: {args:?}: {ran:#?}");
    };
    let fragment = fs::read_to_string(system.path("kcc.cue")).unwrap();
    let mut secrets = None;
    for round in 0..ROUNDS {
        let change = format!("services: app: env: ROUND: \"{round}\"\n");
        fs::write(system.path("kcc.cue"), fragment.clone() + &change).unwrap();
        run(round, &["apply", "--target", "dev", "--yes"]);
        // The other version finds nothing to do, and the same values.
        run(round + 1, &["plan", "--target", "dev", "--exit-code"]);
        let now = testbed.secrets(&system.name, "dev");
        assert_eq!(secrets.get_or_insert_with(|| now.clone()), &now);
    }
    run(0, &["down", "--target", "dev", "--volumes", "--yes"]);
    assert_eq!(testbed.left(&system.name, &system.name), [""; 0]);
}
