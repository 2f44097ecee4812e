//! Faults of the connection itself: closing it instead of answering, and answering a byte at a time.
//!
//! The acceptor wraps each TCP stream below TLS and files a control for it under the peer's address, by which the handler of a
//! request finds it. The handler sets the fault and answers as usual; the stream then refuses or slows the writing.

use std::collections::HashMap;
use std::future::{Future, Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::world::lock;

#[derive(Debug, Default)]
pub(crate) struct Control {
    cut: AtomicBool,
    drip_ms: AtomicU64,
}

impl Control {
    /// Nothing more is written; the connection closes.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }

    /// From now on one byte is written every `pause`.
    pub(crate) fn drip(&self, pause: Duration) {
        self.drip_ms.store(pause.as_millis().max(1) as u64, Ordering::Release);
    }
}

/// The controls of the connections that are open.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connections(Arc<Mutex<HashMap<SocketAddr, Arc<Control>>>>);

impl Connections {
    pub(crate) fn control(&self, peer: SocketAddr) -> Option<Arc<Control>> {
        lock(&self.0).get(&peer).cloned()
    }
}

impl<S> Accept<TcpStream, S> for Connections {
    type Stream = Controlled;
    type Service = S;
    type Future = Ready<io::Result<(Controlled, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(self.wrap(stream).map(|stream| (stream, service)))
    }
}

impl Connections {
    fn wrap(&self, stream: TcpStream) -> io::Result<Controlled> {
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?;
        let control = Arc::new(Control::default());
        lock(&self.0).insert(peer, control.clone());
        Ok(Controlled { stream, control, peer, connections: self.clone(), pause: None })
    }
}

/// A TCP stream that does as its control says.
#[derive(Debug)]
pub(crate) struct Controlled {
    stream: TcpStream,
    control: Arc<Control>,
    peer: SocketAddr,
    connections: Connections,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Drop for Controlled {
    fn drop(&mut self) {
        lock(&self.connections.0).remove(&self.peer);
    }
}

impl AsyncRead for Controlled {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Controlled {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.control.cut.load(Ordering::Acquire) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let drip_ms = self.control.drip_ms.load(Ordering::Acquire);
        if drip_ms == 0 {
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        }
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(cx));
        }
        self.pause = Some(Box::pin(sleep(Duration::from_millis(drip_ms))));
        Pin::new(&mut self.stream).poll_write(cx, &buf[..buf.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
