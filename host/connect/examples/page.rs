//! The status page over a made-up gateway, to look at it and to try it in a browser: `cargo run --example page [PORT]`.
//!
//! `PUT /example/{healthy,troubled,many,empty}` chooses what there is to see. Connectors can be paused, resumed and restarted, all
//! but `refuses`.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{post, put};
use axum::{Json, Router};
use serde_json::json;
use snowgate_connect::snapshot::{
    Blocked, ErrorView, Histogram, Memory, PartitionView, PipelineView, PluginView, Reloads, Snapshot,
};
use snowgate_connect::watch;

/// A name that a browser must never take for HTML.
const HOSTILE: &str = "<img src=x onerror=\"document.title='broken'\">";

#[derive(Clone)]
struct World {
    started: Instant,
    started_ms: i64,
    shown: Arc<Mutex<Shown>>,
}

struct Shown {
    scene: String,
    paused: BTreeSet<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    let shown = Shown { scene: "healthy".to_owned(), paused: BTreeSet::from(["archive".to_owned()]) };
    let world = World { started: Instant::now(), started_ms: now_ms() - 273_840_000, shown: Arc::new(Mutex::new(shown)) };
    let look = world.clone();
    let app = Router::new()
        .route("/connectors/{name}/{action}", put(act))
        .route("/connectors/{name}/restart", post(restart))
        .route("/example/{scene}", put(choose))
        .with_state(world)
        .merge(watch::router_over(move || look.snapshot()));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    writeln!(io::stdout(), "http://{}/ui", listener.local_addr()?)?;
    axum::serve(listener, app).await
}

async fn choose(State(world): State<World>, Path(scene): Path<String>) -> StatusCode {
    world.shown.lock().expect("no panic holds it").scene = scene;
    StatusCode::NO_CONTENT
}

async fn act(State(world): State<World>, Path((name, action)): Path<(String, String)>) -> Response {
    if name == "refuses" {
        let body = json!({ "error_code": 409, "message": "the worker is busy with another change; try again" });
        return (StatusCode::CONFLICT, Json(body)).into_response();
    }
    let mut shown = world.shown.lock().expect("no panic holds it");
    match action.as_str() {
        "pause" => shown.paused.insert(name),
        "resume" => shown.paused.remove(&name),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    StatusCode::ACCEPTED.into_response()
}

async fn restart(Path(_): Path<String>) -> StatusCode {
    StatusCode::ACCEPTED
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl World {
    fn snapshot(&self) -> Snapshot {
        let shown = self.shown.lock().expect("no panic holds it");
        let now = now_ms();
        let seconds = self.started.elapsed().as_secs_f64() + 600.0;
        let mut pipelines = match shown.scene.as_str() {
            "empty" => Vec::new(),
            "many" => (0..12).map(|i| pipeline(&format!("events-{i:02}"), "connector", 100, seconds + f64::from(i), now)).collect(),
            _ => usual(seconds, now),
        };
        if shown.scene == "troubled" {
            trouble(&mut pipelines, now);
        }
        for pipeline in &mut pipelines {
            if shown.paused.contains(&pipeline.name) {
                pipeline.state = "PAUSED";
                pipeline.since_ms = Some(now - 86_400_000);
            }
        }
        Snapshot {
            version: env!("CARGO_PKG_VERSION"),
            instance: "gateway-2.example:8083".to_owned(),
            started_ms: self.started_ms,
            now_ms: now,
            memory: Memory {
                used_bytes: (94.0e6 + 30.0e6 * (seconds / 9.0).sin()) as u64,
                max_bytes: 512 << 20,
                resident_bytes: Some(187 << 20),
            },
            reloads: Reloads { succeeded: 2, failed: 0 },
            spans_lost: None,
            pipelines,
        }
    }
}

fn usual(seconds: f64, now: i64) -> Vec<PipelineView> {
    vec![
        pipeline("orders", "connector", 6, seconds, now),
        pipeline("klines", "pipeline", 4, seconds * 3.1, now),
        pipeline("archive", "connector", 2, 400.0, now),
        pipeline("refuses", "connector", 1, seconds / 7.0, now),
        pipeline(HOSTILE, "connector", 1, seconds / 5.0, now),
    ]
}

/// Counts that grow with `seconds`, a little unevenly.
fn pipeline(name: &str, kind: &'static str, partitions: i32, seconds: f64, now: i64) -> PipelineView {
    let wave = |period: f64| (seconds / period).sin();
    let records = (seconds * 4_210.0 + 9_000.0 * (1.0 + wave(7.0)) + 2_500.0 * (1.0 + wave(2.3))) as u64;
    let settled = records.saturating_sub((900.0 + 600.0 * wave(5.0)) as u64);
    let topic = if name == HOSTILE { "hostile".to_owned() } else { format!("shop.{name}") };
    let share = |all: u64| i64::try_from(all).unwrap_or(0) / i64::from(partitions);
    let plugin = PluginView {
        name: "kline_flatten".to_owned(),
        version: "0.1.0".to_owned(),
        sha256: "3f9ab1c7e0d24655".repeat(4),
        kept: 0,
        replaced: records - records / 400,
        dropped: records / 400,
        rejected: 12,
        seconds: records as f64 * 1.34e-6,
        ..PluginView::default()
    };
    PipelineView {
        name: name.to_owned(),
        kind,
        state: "RUNNING",
        since_ms: Some(now - 273_800_000),
        group: if kind == "connector" { format!("connect-{name}") } else { name.to_owned() },
        topics: vec![topic.clone()],
        workers: 2,
        records_consumed: records,
        bytes_consumed: records * 412,
        rows_committed: settled - settled / 400,
        records_dropped: records / 400,
        dropped: vec![("plugin_dropped".to_owned(), records / 400)],
        appends: records / 9_000,
        append_bytes: records * 61,
        append_errors: 3,
        append_seconds: Histogram {
            counts: [0, records / 60_000, records / 11_000, records / 90_000, 4, 0, 0, 0],
            above: 0,
            sum_seconds: records as f64 / 9_000.0 * 0.071,
        },
        dead_letters: vec![("converter".to_owned(), 9), ("plugin_rejected".to_owned(), 12)],
        partitions: (0..partitions)
            .map(|partition| PartitionView {
                topic: topic.clone(),
                partition,
                table: format!("RAW.SHOP.{}", topic.replace('.', "_").to_uppercase()),
                channel: format!("{topic}_{partition}"),
                worker: u32::from(partition % 2 == 1),
                committed_offset: Some(share(settled)),
                appended_offset: Some(share(settled) + 40),
                more_tables: Vec::new(),
                group_offset: Some(share(settled) + 1),
                log_end_offset: Some(share(records) + 60),
                lag_records: Some((share(records) - share(settled)).unsigned_abs() + 59),
                lag_seconds: Some(1.1 + 0.4 * wave(4.0)),
                blocked: None,
            })
            .collect(),
        plugins: if kind == "pipeline" { vec![plugin] } else { Vec::new() },
        last_errors: vec![ErrorView {
            at_ms: now - 5_460_000,
            text: "append failed, tried again\n  because: Snowflake answered 503 after 1.2 s".to_owned(),
        }],
        config: json!({
            "connector.class": "com.snowflake.kafka.connector.SnowflakeSinkConnector",
            "snowflake.private.key": "[hidden]",
            "tasks.max": "2",
            "topics": topic,
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        }),
        ..PipelineView::default()
    }
}

fn trouble(pipelines: &mut [PipelineView], now: i64) {
    let [orders, klines, _, refuses, hostile] = pipelines else { return };
    orders.state = "STALLED";
    orders.since_ms = Some(now - 843_000);
    orders.error = Some("Snowflake answered 403: role `LOADER` may not use `RAW.SHOP.SHOP_ORDERS`".to_owned());
    for partition in orders.partitions.iter_mut().filter(|partition| partition.partition != 3) {
        partition.lag_records = Some(412_000 + partition.partition.unsigned_abs() as u64 * 311);
        partition.lag_seconds = Some(843.0);
        partition.blocked = Some(Blocked {
            reason: "permission_denied".to_owned(),
            message: "Snowflake answered 403: role `LOADER` may not use `RAW.SHOP.SHOP_ORDERS`".to_owned(),
            hint: Some("grant the role its privileges; it goes on by itself".to_owned()),
            since_ms: now - 843_000,
            needs_person: false,
        });
    }
    klines.partitions[2].blocked = Some(Blocked {
        reason: "rows_rejected".to_owned(),
        message: "Snowflake took 1,204 rows and then did not load 3 of them".to_owned(),
        hint: Some("look at the table's error log, mend the table, then start again".to_owned()),
        since_ms: now - 5_400_000,
        needs_person: true,
    });
    refuses.state = "FAILED";
    refuses.since_ms = Some(now - 61_000);
    refuses.partitions.clear();
    refuses.error = Some(
        "could not start partition 3 of `shop.refuses`\n  because: channel `shop.refuses_3` could not be opened on `RAW.SHOP.REFUSES`\n  \
         because: Snowflake answered 404: the table is gone\n\nhint: create the table, then restart the connector"
            .to_owned(),
    );
    hostile.state = "FAILED";
    hostile.since_ms = Some(now - 20_000);
    hostile.error = Some(HOSTILE.replace("title", "body.className"));
}
