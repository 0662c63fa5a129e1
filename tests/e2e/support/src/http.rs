//! HTTP requests to running services.

use std::{
    io::{Error, Read, Result, Write},
    net::{TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

use serde_json::Value;

/// Sends a GET request and returns status and report.
pub fn get(address: &str) -> Result<(u16, Value)> {
    let Some(socket) = address.to_socket_addrs()?.next() else {
        return Err(Error::other("no address"));
    };
    // A connection on its way to a pod that has just ended stays with it, and the
    // kernel tries it for two minutes.
    let mut stream = TcpStream::connect_timeout(&socket, Duration::from_secs(3))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let wrong = || Error::other(format!("no report: {answer}"));
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = answer.find('{').zip(answer.rfind('}'));
    let body = body.and_then(|(begin, end)| serde_json::from_str(&answer[begin..=end]).ok());
    status.zip(body).ok_or_else(wrong)
}

/// Repeats a GET request until the report is ok or the time has passed; routes
/// follow changes of pods with a delay.
pub fn get_within(address: &str, time: Duration) -> (u16, Value) {
    let end = Instant::now() + time;
    loop {
        match get(address) {
            Ok((200, report)) if report["ok"] == true => return (200, report),
            answer if Instant::now() > end => {
                return answer.unwrap_or_else(|error| panic!("{address}: {error}"));
            }
            _ => std::thread::sleep(Duration::from_millis(300)),
        }
    }
}
