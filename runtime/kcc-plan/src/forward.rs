//! A port of this machine that leads to a port of a component.
//!
//! [`forward`] takes a [`ForwardEngine`], which an engine crate implements, listens on a
//! loopback address, and copies the bytes of each connection in both directions. It
//! chooses the replica for each connection, so that it survives a restart of one.

use std::io;

use futures_util::{StreamExt, stream::FuturesUnordered};
use kcc_diag::Code;
use kcc_model::Name;
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::Error;

/// The port to forward.
#[derive(Debug, Clone)]
pub struct ForwardOptions {
    /// The component.
    pub component: Name,
    /// The port of its containers.
    pub port: u16,
    /// The port of this machine; the same or another free one without a number.
    pub local: Option<u16>,
    /// The number of the replica; any that is ready without one.
    pub replica: Option<u32>,
}

/// A connection to a container.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// An engine that connects to ports of containers.
pub trait ForwardEngine {
    /// Opens a connection to a running replica.
    fn connect(
        &self,
        options: &ForwardOptions,
    ) -> impl Future<Output = Result<Box<dyn Connection>, Error>>;
}

/// Forwards connections until it is dropped. Calls `started` with the address once it
/// listens, and `failed` with the reason why a connection could not be forwarded.
pub async fn forward(
    engine: &impl ForwardEngine,
    options: &ForwardOptions,
    started: &mut dyn FnMut(&str),
    failed: &mut dyn FnMut(Error),
) -> Result<(), Error> {
    // Nothing listens if nothing runs.
    drop(engine.connect(options).await?);
    let listener = listen(options).await?;
    let address = listener.local_addr().map_err(|error| refused(0, error))?;
    started(&address.to_string());
    let mut open = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.map_err(|error| refused(address.port(), error))?;
                open.push(pass(engine, options, stream));
            }
            Some(ended) = open.next() => {
                if let Err(error) = ended {
                    failed(error);
                }
            }
        }
    }
}

/// Copies the bytes of one connection until both sides have ended.
async fn pass(
    engine: &impl ForwardEngine,
    options: &ForwardOptions,
    mut here: TcpStream,
) -> Result<(), Error> {
    let mut there = engine.connect(options).await?;
    // Either side may end a connection in any way that it likes.
    let _ = copy_bidirectional(&mut here, &mut there).await;
    Ok(())
}

async fn listen(options: &ForwardOptions) -> Result<TcpListener, Error> {
    let wanted = options.local.unwrap_or(options.port);
    match TcpListener::bind(("127.0.0.1", wanted)).await {
        Ok(listener) => Ok(listener),
        Err(_) if options.local.is_none() => {
            let any = TcpListener::bind(("127.0.0.1", 0)).await;
            any.map_err(|error| refused(0, error))
        }
        Err(error) => Err(refused(wanted, error)),
    }
}

fn refused(port: u16, error: io::Error) -> Error {
    Error::new(
        Code::PlanNotRunning,
        format!("cannot listen on port {port} of this machine"),
    )
    .help("choose another port with `--local`")
    .cause(error)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// An engine whose component echoes, or does not run.
    struct Echo(bool);

    impl ForwardEngine for Echo {
        async fn connect(&self, options: &ForwardOptions) -> Result<Box<dyn Connection>, Error> {
            if !self.0 {
                let message = format!("component `{}` is not running", options.component);
                return Err(Error::new(Code::PlanNotRunning, message));
            }
            let (near, mut far) = tokio::io::duplex(64);
            tokio::spawn(async move {
                let mut bytes = [0; 5];
                far.read_exact(&mut bytes).await.unwrap();
                far.write_all(&bytes).await.unwrap();
            });
            Ok(Box::new(near))
        }
    }

    fn options(local: Option<u16>) -> ForwardOptions {
        ForwardOptions {
            component: "web".to_owned(),
            port: 8080,
            local,
            replica: None,
        }
    }

    #[tokio::test]
    async fn passes_bytes_in_both_directions() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let mut sender = Some(sender);
        let (options, engine) = (options(Some(0)), Echo(true));
        let mut started = |address: &str| {
            let sender = sender.take().unwrap();
            sender.send(address.to_owned()).unwrap();
        };
        let mut failed = |error: Error| panic!("{}", error.chain());
        let forwarded = forward(&engine, &options, &mut started, &mut failed);
        let client = async {
            let mut stream = TcpStream::connect(receiver.await.unwrap()).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        tokio::select! {
            answer = client => assert_eq!(answer, "hello"),
            ended = forwarded => panic!("{ended:?}"),
        }
    }

    #[tokio::test]
    async fn fails_if_nothing_runs_or_the_port_is_taken() {
        let error = forward(&Echo(false), &options(None), &mut |_| {}, &mut |_| {}).await;
        assert_eq!(error.unwrap_err().message, "component `web` is not running");
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let refused = options(Some(port));
        let error = forward(&Echo(true), &refused, &mut |_| {}, &mut |_| {}).await;
        let message = format!("cannot listen on port {port} of this machine");
        assert_eq!(error.unwrap_err().message, message);
    }
}
