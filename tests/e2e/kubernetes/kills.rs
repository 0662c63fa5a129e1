//! Kills of kcc on Kubernetes.

use std::sync::Arc;

use kcc_test_engines::{
    Host as _, SHELL, System,
    kills::{
        Kills,
        scenarios::{UpAndDown, changes, up_and_down, write_ledger},
    },
    kubernetes::Testbed,
    trials::Case,
};

use crate::shop::Shop;

pub(crate) const ARGS: UpAndDown = [
    &["apply", "--target", "prod", "--yes"],
    &["down", "--target", "prod", "--volumes", "--yes"],
];

/// Returns the case, if the binary has fail points.
pub(crate) fn case() -> Option<Case<Testbed>> {
    let case = Case::new("every_kill_is_survived", |testbed: Arc<Testbed>| {
        testbed.shell_image(SHELL);
        let scenarios = vec![
            up_and_down(
                "shop",
                Box::new(|testbed, suffix| {
                    let shop = Shop::of(testbed, suffix);
                    shop.generate_key();
                    shop.into_system()
                }),
                Box::new(|_| {}),
                ARGS,
            ),
            up_and_down(
                "ledger",
                Box::new(|testbed, suffix| {
                    let system = in_a_namespace(testbed, suffix);
                    write_ledger(&system);
                    system.stand_in();
                    system
                }),
                Box::new(|_| {}),
                ARGS,
            ),
            changes(Box::new(in_a_namespace), |_, _| {}, ARGS),
        ];
        Kills::new(testbed, scenarios).run();
    });
    cfg!(feature = "failpoints").then_some(case)
}

/// Copies the example `hello` into a namespace that is not kcc's.
pub(crate) fn in_a_namespace(testbed: Arc<Testbed>, suffix: &str) -> System<Testbed> {
    let mut system = System::of(testbed, "hello", "prod", suffix);
    let namespace = format!("{}-prod", system.name);
    system.testbed.create_unmanaged_in(&namespace);
    system.sites = vec![namespace];
    system
}
