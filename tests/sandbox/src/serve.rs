//! `snowgate-sandbox run`: brings everything up, says where it is, and ends on a signal.
//!
//! What others need is written to the directory: `ca.pem`, the client's key `rsa_key.p8`, and last, in one move, `sandbox.json`;
//! whoever waits for that file finds everything up.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::auth::generate_key;
use crate::broker::Broker;
use crate::catalog::PUBLIC;
use crate::cli::{Rows, RunArgs};
use crate::connection::Connections;
use crate::http::{Shared, handle};
use crate::tls::Tls;
use crate::world::{DATABASE, Settings, World, lock};

const ACCOUNT: &str = "MYORG-MYACCT";
const USER: &str = "STREAMER";

/// The stand-in, listening.
pub(crate) struct StandIn {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
}

pub(crate) fn run(args: RunArgs) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("could not start the runtime: {error}"))?;
    runtime.block_on(run_until_told(args))
}

async fn run_until_told(args: RunArgs) -> Result<(), String> {
    fs::create_dir_all(&args.dir).map_err(|error| format!("could not make `{}`: {error}", args.dir.display()))?;
    let described = args.dir.join("sandbox.json");
    if described.exists() {
        // What an earlier run left would tell the waiting that this one is up.
        fs::remove_file(&described).map_err(|error| format!("could not remove `{}`: {error}", described.display()))?;
    }
    let settings = Settings { commit_delay_ms: args.commit_delay.0, keep_rows: args.rows == Rows::Keep, ..Settings::default() };
    let world = Arc::new(World::new(&args.hostname, settings)?);

    let key = generate_key()?;
    lock(&world.auth).register_der(ACCOUNT, USER, key.public_der, false)?;
    write(&args.dir, "rsa_key.p8", key.private_pem.as_bytes(), 0o600)?;
    let tls = Tls::generate(&names(&args.hostname))?;
    write(&args.dir, "ca.pem", tls.ca_pem.as_bytes(), 0o644)?;
    let stand_in = start(&world, &tls, args.http, args.https)?;
    let broker = if args.broker { Some(Broker::start(&args.topic)?) } else { None };
    let bootstrap_servers = broker.as_ref().map(Broker::bootstrap_servers);

    let reach = |address: SocketAddr| format!("{}:{}", args.hostname, address.port());
    let description = json!({
        "http": format!("http://{}", reach(stand_in.http)), "https": format!("https://{}", reach(stand_in.https)),
        "ca": path(&args.dir, "ca.pem"), "private_key": path(&args.dir, "rsa_key.p8"),
        "account": ACCOUNT, "user": USER, "database": DATABASE, "schema": PUBLIC,
        "bootstrap_servers": bootstrap_servers,
    });
    write(&args.dir, "sandbox.json.new", format!("{description:#}\n").as_bytes(), 0o644)?;
    fs::rename(args.dir.join("sandbox.json.new"), &described)
        .map_err(|error| format!("could not write `{}`: {error}", described.display()))?;
    let kafka = bootstrap_servers.map(|servers| format!("\n  kafka    {servers}")).unwrap_or_default();
    say(&format!(
        "Snowflake, more or less, is up.\n\n  http     {}\n  https    {}{kafka}\n  \
         account  {ACCOUNT}, user {USER}\n  files    {}\n",
        description["http"].as_str().unwrap_or_default(),
        description["https"].as_str().unwrap_or_default(),
        args.dir.display()
    ));
    until_told().await
}

/// Starts both listeners; they run as long as the runtime does.
pub(crate) fn start(world: &Arc<World>, tls: &Tls, http: SocketAddr, https: SocketAddr) -> Result<StandIn, String> {
    let connections = Connections::default();
    let shared = Shared { world: world.clone(), connections: connections.clone() };
    let app = Router::new().fallback(handle).with_state(shared).into_make_service_with_connect_info::<SocketAddr>();

    let (listener, http) = listen(http)?;
    let server = axum_server::from_tcp(listener).map_err(|error| format!("could not listen on `{http}`: {error}"))?;
    tokio::spawn(server.acceptor(connections.clone()).serve(app.clone()));

    let (listener, https) = listen(https)?;
    let server = axum_server::from_tcp(listener).map_err(|error| format!("could not listen on `{https}`: {error}"))?;
    let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(tls.server.clone())).acceptor(connections);
    tokio::spawn(server.acceptor(acceptor).serve(app));
    Ok(StandIn { http, https })
}

/// The names a certificate must carry: this machine's, and those that look like an account's and are this machine.
pub(crate) fn names(hostname: &str) -> Vec<String> {
    let mut names = ["127.0.0.1", "localhost", "*.snowflake.localhost"].map(str::to_owned).to_vec();
    if !names.iter().any(|name| name == hostname) {
        names.push(hostname.to_owned());
    }
    names
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), String> {
    let failed = |error| format!("could not listen on `{address}`: {error}");
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn path(dir: &Path, name: &str) -> String {
    let path = dir.join(name);
    fs::canonicalize(&path).unwrap_or(path).display().to_string()
}

fn write(dir: &Path, name: &str, bytes: &[u8], mode: u32) -> Result<(), String> {
    let path = dir.join(name);
    let failed = |error| format!("could not write `{}`: {error}", path.display());
    if path.exists() {
        // A file that is there keeps its mode, so it goes first.
        fs::remove_file(&path).map_err(failed)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).map_err(failed)?;
    file.write_all(bytes).map_err(failed)
}

async fn until_told() -> Result<(), String> {
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| format!("could not listen for signals: {error}"))?;
    tokio::select! {
        _ = terminate.recv() => {}
        outcome = tokio::signal::ctrl_c() => outcome.map_err(|error| format!("could not listen for signals: {error}"))?,
    }
    Ok(())
}

/// Prints for people; a closed pipe is no reason to end.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = writeln!(out, "{text}").and_then(|()| out.flush());
}
