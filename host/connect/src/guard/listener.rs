//! A listener that serves a limited number of connections at a time, and connections that do not wait for ever to be read from.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::{AddrListener, Address};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

use super::Limits;

#[derive(Debug, Clone)]
pub(super) struct Peer(SocketAddr);

pub(super) struct Listener {
    socket: TcpListener,
    /// Shared by all listeners.
    places: Arc<Semaphore>,
    write: Duration,
}

pub(super) struct Connection {
    stream: TcpStream,
    write: Duration,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    pub(super) fn new(socket: TcpListener, places: Arc<Semaphore>, limits: &Limits) -> Listener {
        Listener { socket, places, write: limits.write }
    }
}

impl Address for Peer {
    type Stream = Connection;
    type Listener = Listener;
}

impl AddrListener<Connection, Peer> for Listener {
    async fn bind_to(address: Peer) -> io::Result<Listener> {
        let limits = Limits::default();
        Ok(Listener::new(TcpListener::bind(address.0).await?, Arc::new(Semaphore::new(limits.connections)), &limits))
    }

    /// Takes a connection first and a place for it then: a listener that nobody calls holds none.
    async fn accept_stream(&self) -> io::Result<(Connection, Peer)> {
        let (stream, peer) = self.socket.accept().await?;
        stream.set_nodelay(true)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
        Ok((Connection { stream, write: self.write, stalled: None, _place: place }, Peer(peer)))
    }

    fn get_local_addr(&self) -> io::Result<Peer> {
        self.socket.local_addr().map(Peer)
    }
}

impl Connection {
    /// Gives up when `written` has waited for too long.
    fn bounded<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.write;
        ready!(self.stalled.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.bounded(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
