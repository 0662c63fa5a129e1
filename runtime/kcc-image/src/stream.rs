//! Passes a stream of bytes on to code that reads: decompression and tar archives
//! work on threads of their own.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

/// The number of pieces that wait to be read.
const AHEAD: usize = 16;

/// The reading end of a stream.
pub(crate) struct Pieces {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.current = piece?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// Runs `read` on a thread of its own with what a stream brings, at most `limit`
/// bytes of it. The stream is dropped as soon as `read` returns.
pub(crate) async fn read_stream<T: Send + 'static, E: Into<io::Error>>(
    stream: impl Stream<Item = Result<Bytes, E>>,
    limit: u64,
    read: impl FnOnce(Pieces) -> T + Send + 'static,
) -> io::Result<T> {
    let (sender, pieces) = mpsc::channel(AHEAD);
    let reader = tokio::task::spawn_blocking(move || {
        read(Pieces {
            pieces,
            current: Bytes::new(),
        })
    });
    let mut stream = std::pin::pin!(stream);
    let mut left = limit;
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(Into::into).and_then(|piece| {
            left = left
                .checked_sub(piece.len() as u64)
                .ok_or_else(|| io::Error::new(io::ErrorKind::QuotaExceeded, "too large"))?;
            Ok(piece)
        });
        let failed = piece.is_err();
        if sender.send(piece).await.is_err() || failed {
            break;
        }
    }
    drop(sender);
    reader.await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    async fn read_all(limit: u64) -> io::Result<String> {
        let pieces = ["ab", "", "cd"].map(|text| Ok::<_, io::Error>(Bytes::from(text)));
        let read = |mut pieces: Pieces| {
            let mut text = String::new();
            pieces.read_to_string(&mut text).map(|_| text)
        };
        read_stream(stream::iter(pieces), limit, read).await?
    }

    #[tokio::test]
    async fn passes_all_pieces_on_up_to_the_limit() {
        assert_eq!(read_all(4).await.unwrap(), "abcd");
        let error = read_all(3).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
    }

    #[tokio::test]
    async fn a_reader_may_stop_early() {
        let endless = stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from_static(b"x")));
        let first = |mut pieces: Pieces| {
            let mut byte = [0];
            pieces.read_exact(&mut byte).map(|()| byte)
        };
        let read = read_stream(endless, u64::MAX, first).await.unwrap();
        assert_eq!(&read.unwrap(), b"x");
    }
}
