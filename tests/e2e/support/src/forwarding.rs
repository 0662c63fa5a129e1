//! The requirements on forwarded ports that hold on either engine.

use kcc_diag::Code;
use kcc_plan::{Error, ForwardOptions};

use crate::http;

/// Checks that connections to port 8080 of the component `web` are forwarded, and that
/// nothing listens for a replica that does not run. `forward` runs the command.
pub async fn ports_are_forwarded(
    forward: impl AsyncFn(
        &ForwardOptions,
        &mut dyn FnMut(&str),
        &mut dyn FnMut(Error),
    ) -> Result<(), Error>,
) {
    let mut wanted = ForwardOptions {
        component: "web".to_owned(),
        port: 8080,
        local: Some(0),
        replica: None,
    };
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let mut sender = Some(sender);
    let mut started = |address: &str| sender.take().unwrap().send(address.to_owned()).unwrap();
    let mut failed = |error: Error| panic!("{}", error.chain());
    let client = async {
        let address = receiver.await.unwrap();
        // Two connections, one after the other.
        for _ in 0..2 {
            let address = address.clone();
            let answer = tokio::task::spawn_blocking(move || http::get(&address)).await;
            let (status, report) = answer.unwrap().unwrap();
            assert_eq!(status, 200, "{report:#}");
        }
    };
    tokio::select! {
        () = client => {}
        ended = forward(&wanted, &mut started, &mut failed) => panic!("{ended:?}"),
    }
    wanted.replica = Some(7);
    let (mut started, mut failed) = (|_: &str| panic!("started"), |_| {});
    let refused = forward(&wanted, &mut started, &mut failed).await;
    assert_eq!(refused.unwrap_err().code, Code::PlanNotRunning);
}
