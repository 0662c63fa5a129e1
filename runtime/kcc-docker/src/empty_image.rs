//! The image of containers that only mount volumes and never start: it has no content,
//! and is made on the spot, so that no registry is needed.

use futures_util::future::BoxFuture;
use kcc_diag::Code;
use kcc_plan::Error;

use crate::client::Client;

const NAME: &str = "kcc-empty:1";
/// The number of attempts to use the image. All scopes of an engine share it, and the
/// last one that is taken down removes it, even if another one is about to use it.
const TRIES: u32 = 10;

/// Creates a container of the image, by a call that returns false if the image is gone.
pub(crate) async fn create_container<'a>(
    client: &Client,
    name: &str,
    create: impl Fn(&'static str) -> BoxFuture<'a, Result<bool, Error>>,
) -> Result<(), Error> {
    for _ in 0..TRIES {
        if client.image(NAME).await?.is_none() {
            let empty = tar::Builder::new(Vec::new()).into_inner();
            client.import_image(NAME, empty.unwrap_or_default()).await?;
        }
        if create(NAME).await? {
            return Ok(());
        }
    }
    let message = format!("cannot create container `{name}`: its image disappears");
    Err(Error::new(Code::ApplyRefused, message).help(format!(
        "keep `{NAME}` from being removed, then run the command again"
    )))
}

/// Removes the image, unless somebody uses it.
pub(crate) async fn discard(client: &Client) {
    client.discard_image(NAME).await;
}
