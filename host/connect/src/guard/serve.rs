//! Binds the listeners, and serves a router on them until told to stop.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Control, Handle, Server};
use tokio::net::{TcpListener, lookup_host};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::access::{Gate, pass};
use super::listener::{Listener, Peer};
use super::{Bind, GuardError, Listeners, tls};

/// Listeners that are bound, and refuse nobody yet.
#[derive(Debug)]
pub struct Bound {
    settings: Listeners,
    sockets: Vec<(TcpListener, SocketAddr, Option<RustlsConfig>)>,
}

/// Serves `router` on every listener until `shutdown`; then lets requests under way end.
pub async fn serve(settings: &Listeners, router: Router, shutdown: impl Future<Output = ()>) -> Result<(), GuardError> {
    bind(settings).await?.serve(router, shutdown).await
}

/// Binds every listener, or none where one of them would be open to others without protection.
pub async fn bind(settings: &Listeners) -> Result<Bound, GuardError> {
    let mut addresses = Vec::new();
    for bind in &settings.binds {
        let failed = |source| GuardError::Listen { address: bind.address(), source };
        let resolved: Vec<SocketAddr> = lookup_host((&*bind.host, bind.port)).await.map_err(failed)?.collect();
        let open = resolved.iter().any(|address| !address.ip().to_canonical().is_loopback());
        if open && !bind.tls && settings.auth.is_open() {
            return Err(GuardError::Unprotected { address: bind.address() });
        }
        let address = *resolved.first().ok_or_else(|| failed(io::ErrorKind::AddrNotAvailable.into()))?;
        addresses.push((bind, address));
    }
    let mut sockets = Vec::new();
    for (bind, address) in addresses {
        let failed = |source| GuardError::Listen { address: bind.address(), source };
        let tls = match (&settings.tls, bind.tls) {
            (_, false) => None,
            (Some(files), true) => Some(tls::load(files)?),
            (None, true) => return Err(GuardError::NoCertificate { address: bind.address() }),
        };
        let socket = TcpListener::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        sockets.push((socket, address, tls));
    }
    Ok(Bound { settings: settings.clone(), sockets })
}

impl Bound {
    /// Where we listen, in the order of the settings; ports that were 0 are known here.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|(_, address, _)| *address).collect()
    }

    pub async fn serve(self, router: Router, shutdown: impl Future<Output = ()>) -> Result<(), GuardError> {
        let limits = self.settings.limits;
        let places = Arc::new(Semaphore::new(limits.connections));
        let control = Control::new();
        let mut servers = JoinSet::new();
        for (socket, address, tls) in self.sockets {
            let gate = Gate::new(&self.settings, address.ip().to_canonical().is_loopback());
            let service = router.clone().layer(from_fn_with_state(Arc::new(gate), pass)).into_make_service();
            let listener = Listener::new(socket, Arc::clone(&places), &limits);
            let mut server = Server::<Peer>::from_listener(listener).handle(Handle::with_control(control.clone())).http1_only();
            server.http_builder().http1().header_read_timeout(limits.head);
            servers.spawn(async move {
                let served = match tls {
                    Some(tls) => server.acceptor(RustlsAcceptor::new(tls).handshake_timeout(limits.head)).serve(service).await,
                    None => server.serve(service).await,
                };
                served.map_err(|source| GuardError::Listen { address: address.to_string(), source })
            });
        }
        tokio::pin!(shutdown);
        loop {
            let ended = tokio::select! {
                ended = servers.join_next() => ended,
                () = &mut shutdown => break,
            };
            match ended {
                Some(Ok(Err(error))) => return Err(error),
                Some(_) => {}
                None => return Ok(()),
            }
        }
        control.graceful_shutdown(Some(limits.shutdown));
        while let Some(ended) = servers.join_next().await {
            if let Ok(Err(error)) = ended {
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Bind {
    /// Whether only this machine can reach it; a name other than `localhost` is taken for one that others can.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }

    /// `host:port`
    pub(crate) fn address(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }
}
