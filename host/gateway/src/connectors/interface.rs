//! What a worker serves on its address: Connect's REST interface, health, metrics and the status page.

use std::sync::Arc;
use std::time::Duration;

use snowgate_connect::engine::Engine as _;
use snowgate_connect::guard::{self, Bound};
use snowgate_connect::herder::Herder;
use snowgate_connect::snapshot::Snapshot;
use snowgate_connect::worker::WorkerSettings;
use snowgate_connect::{openapi, rest, watch};
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::{Connectors, Worker};
use crate::gateway::{Error, Gateway};
use crate::telemetry::Levels;

/// A worker that serves.
pub(crate) struct Interface {
    herder: Arc<Herder<Connectors>>,
    bound: Bound,
}

/// Ends the serving when it is dropped.
pub(crate) struct Serving {
    herder: Arc<Herder<Connectors>>,
    end: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<()>,
}

impl Interface {
    /// Binds the addresses and reads the connectors; nothing is served or started yet.
    pub(crate) async fn open(
        gateway: &Arc<Gateway>,
        settings: &WorkerSettings,
        levels: Levels,
        grace: Duration,
    ) -> Result<Interface, Error> {
        let bound = guard::bind(&settings.listeners).await.map_err(|source| Error::Interface { source })?;
        for note in &settings.notes {
            warn!("{note}");
        }
        let worker = Worker {
            brokers: settings.bootstrap_servers.clone(),
            client: settings.client.clone(),
            tls_ca: settings.snowflake_tls_ca.clone(),
            grace,
        };
        let connectors = Arc::new(Connectors::new(gateway.clone(), worker, levels));
        let herder = Herder::open(connectors, settings.clone()).map_err(|source| Error::State { source })?;
        Ok(Interface { herder: Arc::new(herder), bound })
    }

    /// Serves, and starts the connectors meanwhile.
    pub(crate) fn serve(self) -> Serving {
        let Interface { herder, bound } = self;
        for address in bound.addresses() {
            info!(%address, connectors = herder.names().len(), "connect rest interface");
        }
        let seen = herder.clone();
        let router = rest::router(herder.clone()).merge(watch::router_over(move || snapshot(&seen))).merge(openapi::openapi());
        let (end, ended) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            // Whether told or dropped, it ends.
            let ended = async move { drop(ended.await) };
            if let Err(failure) = bound.serve(router, ended).await {
                error!(error = %failure, "connect rest interface ended");
            }
        });
        let starting = herder.clone();
        tokio::spawn(async move { starting.start_all().await });
        Serving { herder, end, server }
    }
}

impl Serving {
    /// Answers no more requests, and drains every connector.
    pub(crate) async fn stop(self) {
        // The server may have ended by itself.
        let _ = self.end.send(());
        self.herder.stop_all().await;
        if let Err(failure) = self.server.await {
            error!(error = %failure, "connect rest interface did not end in order");
        }
    }
}

/// All pipelines, and the connectors that do not run.
fn snapshot(herder: &Herder<Connectors>) -> Snapshot {
    let mut snapshot = herder.engine().snapshot();
    snapshot.instance.clone_from(&herder.worker().worker_id);
    herder.add_idle(&mut snapshot);
    snapshot
}
