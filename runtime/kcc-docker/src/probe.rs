//! Health checks that the engine lacks: HTTP requests and TCP connections from
//! this machine to the container's address.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The time a connection has to stay open before it counts as accepted.
const HOLD: Duration = Duration::from_millis(300);

/// Opens a connection; fails with the reason.
pub(crate) async fn tcp(host: &str, port: u16, limit: Duration) -> Result<(), String> {
    connect(host, port, limit).await.map(|_| ())
}

/// Sends a GET request and expects a status from 200 to 399.
pub(crate) async fn http(host: &str, port: u16, path: &str, limit: Duration) -> Result<(), String> {
    let mut stream = connect(host, port, limit).await?;
    let exchange = async {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: kcc\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        // The status is in the first line: `HTTP/1.1 200 OK`.
        while !answer.contains(&b'\n') && answer.len() < 1024 {
            let mut piece = [0; 256];
            let read = stream.read(&mut piece).await?;
            if read == 0 {
                break;
            }
            answer.extend_from_slice(&piece[..read]);
        }
        Ok::<_, std::io::Error>(answer)
    };
    let answer = match tokio::time::timeout(limit, exchange).await {
        Err(_) => {
            return Err(format!(
                "GET {path} on port {port} timed out after {limit:?}"
            ));
        }
        Ok(Err(error)) => return Err(format!("GET {path} on port {port}: {error}")),
        Ok(Ok(answer)) => answer,
    };
    match status(&answer) {
        Some(200..=399) => Ok(()),
        Some(status) => Err(format!("GET {path} on port {port} returned {status}")),
        None => Err(format!("port {port} does not speak HTTP")),
    }
}

/// Opens a connection and expects it to stay open for a moment.
pub(crate) async fn held(host: &str, port: u16, limit: Duration) -> Result<(), String> {
    let mut stream = connect(host, port, limit).await?;
    let mut piece = [0; 1];
    match tokio::time::timeout(HOLD, stream.read(&mut piece)).await {
        // The peer waits for input or speaks first.
        Err(_) | Ok(Ok(1..)) => Ok(()),
        Ok(Ok(0) | Err(_)) => Err(format!("nothing is listening behind port {port}")),
    }
}

async fn connect(host: &str, port: u16, limit: Duration) -> Result<TcpStream, String> {
    match tokio::time::timeout(limit, TcpStream::connect((host, port))).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Err(format!("nothing is listening on port {port}"))
        }
        Ok(Err(error)) => Err(format!("cannot connect to port {port}: {error}")),
        Err(_) => Err(format!(
            "connecting to port {port} timed out after {limit:?}"
        )),
    }
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(answer.split(|byte| *byte == b'\n').next()?).ok()?;
    let rest = line.strip_prefix("HTTP/1.")?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const LIMIT: Duration = Duration::from_millis(500);

    /// Starts a server that gives one answer, in pieces.
    async fn serve(answer: &'static [&'static str]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            for piece in answer {
                stream.write_all(piece.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if answer.is_empty() {
                tokio::time::sleep(LIMIT * 4).await;
            }
        });
        port
    }

    #[tokio::test]
    async fn http_passes_by_status() {
        let port = serve(&["HTTP/1.", "1 204 No Content\r\n\r\n"]).await;
        assert_eq!(http("127.0.0.1", port, "/", LIMIT).await, Ok(()));
        let port = serve(&["HTTP/1.1 503 Busy\r\n\r\n"]).await;
        let error = http("127.0.0.1", port, "/healthz", LIMIT)
            .await
            .unwrap_err();
        assert_eq!(error, format!("GET /healthz on port {port} returned 503"));
        let port = serve(&["SSH-2.0\r\n"]).await;
        let error = http("127.0.0.1", port, "/", LIMIT).await.unwrap_err();
        assert_eq!(error, format!("port {port} does not speak HTTP"));
        let port = serve(&[]).await;
        let error = http("127.0.0.1", port, "/", LIMIT).await.unwrap_err();
        assert_eq!(error, format!("GET / on port {port} timed out after 500ms"));
    }

    #[tokio::test]
    async fn tcp_distinguishes_closed_from_open_ports() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(tcp("127.0.0.1", port, LIMIT).await, Ok(()));
        drop(listener);
        let error = tcp("127.0.0.1", port, LIMIT).await.unwrap_err();
        assert_eq!(error, format!("nothing is listening on port {port}"));
    }

    #[tokio::test]
    async fn held_requires_the_connection_to_stay_open() {
        let port = serve(&[]).await;
        assert_eq!(held("127.0.0.1", port, LIMIT).await, Ok(()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { drop(listener.accept().await) });
        let error = held("127.0.0.1", port, LIMIT).await.unwrap_err();
        assert_eq!(error, format!("nothing is listening behind port {port}"));
    }
}
