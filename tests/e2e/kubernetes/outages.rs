//! An API server that is killed during an apply.

use std::sync::Arc;

use kcc_test_engines::{
    Host as _, SHELL,
    kills::{outages::Outages, scenarios::write_ledger},
    kubernetes::Testbed,
};

use crate::kills::{ARGS, in_a_namespace};

pub(crate) fn a_killed_api_server_is_survived(testbed: &Arc<Testbed>) {
    let system = in_a_namespace(testbed.clone(), "killed");
    write_ledger(&system);
    testbed.shell_image(SHELL);
    system.stand_in();
    let mut outages = Outages::new(system, ARGS);
    for text in ["done     create ", "waiting  ", "orders is "] {
        outages.engine_ends_at(text, || testbed.kill(), || testbed.restart());
    }
}
