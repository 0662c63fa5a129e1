//! Runs `docs/story.md` on a real Kubernetes of two nodes and a real Docker engine, and
//! compares what each of its commands prints with what the page shows.
//! `kcc_test_engines` says when it runs.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "it is a test")]

mod page;
mod stage;

use std::process::ExitCode;

use kcc_test_engines::{
    docker, kubernetes,
    trials::{self, Case},
};

fn main() -> ExitCode {
    let find = || {
        let cluster = kubernetes::Testbed::find_with(2)?;
        Some(stage::Stage::new(cluster, docker::Testbed::find()?))
    };
    let story = Case::new("the_story_is_true", |stage| page::plays(&stage));
    trials::run(find, None, [story].into_iter())
}
