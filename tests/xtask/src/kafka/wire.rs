//! The two requests of Kafka's protocol that a local cluster is asked itself, so that no JVM has to start for them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Outcome;

const TIMEOUT: Duration = Duration::from_secs(10);
const CORRELATION: i32 = 7;

/// A right that is given to one user only. Names begin with `prefix`.
pub(super) struct Acl {
    pub(super) resource: Resource,
    pub(super) prefix: &'static str,
    pub(super) user: &'static str,
    pub(super) operation: Operation,
}

#[derive(Clone, Copy)]
pub(super) enum Resource {
    Topic = 2,
    Group = 3,
}

#[derive(Clone, Copy)]
pub(super) enum Operation {
    Read = 3,
    Write = 4,
    Describe = 8,
}

/// How many brokers the one on a port of loopback knows, if it answers: a Metadata request, version 7, without topics.
pub(super) fn brokers(port: u16) -> Option<u32> {
    let mut body = Vec::new();
    body.extend_from_slice(&0i32.to_be_bytes()); // topics: none
    body.push(0); // and none is to be made
    let answer = ask(port, 3, 7, &body).ok()?;
    // Throttle time, number of brokers.
    answer.get(4..8)?.try_into().map(i32::from_be_bytes).ok()?.try_into().ok()
}

/// A CreateAcls request, version 1.
pub(super) fn create_acls(port: u16, acls: &[Acl]) -> Outcome {
    const PREFIXED: u8 = 4;
    const ALLOW: u8 = 3;
    let mut body = count(acls.len());
    for acl in acls {
        body.push(acl.resource as u8);
        text(&mut body, acl.prefix);
        body.push(PREFIXED);
        text(&mut body, &format!("User:{}", acl.user));
        text(&mut body, "*");
        body.extend_from_slice(&[acl.operation as u8, ALLOW]);
    }
    let answer = ask(port, 30, 1, &body).map_err(|error| format!("Apache Kafka did not take its access rules: {error}"))?;
    // Throttle time, number of results; each without an error is a zero and an empty message.
    let results = answer.get(8..).unwrap_or_default();
    let fine = results.len() == acls.len() * 4 && results.chunks(4).all(|result| result.starts_with(&[0, 0]));
    if fine { Ok(()) } else { Err(format!("Apache Kafka refused its access rules: {results:?}")) }
}

fn count(items: usize) -> Vec<u8> {
    i32::try_from(items).unwrap_or(i32::MAX).to_be_bytes().to_vec()
}

fn text(to: &mut Vec<u8>, text: &str) {
    to.extend_from_slice(&i16::try_from(text.len()).unwrap_or(i16::MAX).to_be_bytes());
    to.extend_from_slice(text.as_bytes());
}

/// Sends one request to a broker on loopback, and gives the body of its answer.
fn ask(port: u16, request: i16, version: i16, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&request.to_be_bytes());
    bytes.extend_from_slice(&version.to_be_bytes());
    bytes.extend_from_slice(&CORRELATION.to_be_bytes());
    text(&mut bytes, "xtask");
    bytes.extend_from_slice(body);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(&[count(bytes.len()), bytes].concat())?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap_or(0).min(1 << 20)];
    stream.read_exact(&mut answer)?;
    if !answer.starts_with(&CORRELATION.to_be_bytes()) {
        return Err(std::io::Error::other("that is no broker's answer"));
    }
    Ok(answer.split_off(4))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_without_a_broker_does_not_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it has one").port();
        drop(listener);
        assert_eq!(brokers(port), None);
    }
}
