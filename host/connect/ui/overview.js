// The upper half: the verdict, what is wrong and what to do, and four numbers.

import { attribute, each, el, prose, sparkline, text } from "./dom.js";
import { JOIN, bytes, count, plural, ranges, short, span, time } from "./format.js";
import { lag } from "./history.js";

const $ = (id) => document.getElementById(id);

/** What is wrong with a pipeline; null when nothing is. Worst first: 2 a person is needed, 1 it may pass. */
export function problemOf(pipeline) {
  const blocks = new Map();
  for (const partition of pipeline.partitions) {
    const { blocked } = partition;
    if (!blocked) continue;
    const key = JSON.stringify([blocked.reason, blocked.message, partition.topic]);
    const group = blocks.get(key) ?? { ...blocked, key, topic: partition.topic, partitions: [] };
    group.partitions.push(partition.partition);
    group.since_ms = Math.min(group.since_ms, blocked.since_ms);
    blocks.set(key, group);
  }
  const causes = [...blocks.values()].sort((a, b) => b.needs_person - a.needs_person || a.since_ms - b.since_ms);
  const broken = pipeline.state === "FAILED" || pipeline.state === "STALLED";
  if (!broken && !causes.length) return null;
  const grave = pipeline.state === "FAILED" || causes.some((cause) => cause.needs_person);
  const since = Math.min(...(broken && pipeline.since_ms ? [pipeline.since_ms] : causes.map((cause) => cause.since_ms)));
  return { pipeline, causes, grave, since: Number.isFinite(since) ? since : null, state: broken ? pipeline.state : "BLOCKED" };
}

export function drawOverview(snapshot, histories) {
  const problems = snapshot.pipelines.map(problemOf).filter(Boolean).map((problem) => ({ ...problem, now: snapshot.now_ms }));
  problems.sort((a, b) => b.grave - a.grave);
  drawFacts(snapshot);
  drawVerdict(snapshot, problems);
  attribute($("problems"), "hidden", !problems.length);
  each($("problems"), problems, (problem) => problem.pipeline.name, problemPart);
  drawTotals(snapshot, histories.all);
}

function drawFacts(snapshot) {
  const up = span((snapshot.now_ms - snapshot.started_ms) / 1000);
  text($("facts"), [snapshot.instance, snapshot.version && `version ${snapshot.version}`, `up ${up}`].filter(Boolean).join(" · "));
}

function drawVerdict(snapshot, problems) {
  const { pipelines } = snapshot;
  const grave = problems.filter((problem) => problem.grave).length;
  const minor = problems.length - grave;
  const idle = (state) => pipelines.filter((pipeline) => pipeline.state === state).length;
  const asides = [["paused", idle("PAUSED")], ["stopped", idle("STOPPED")]].filter(([, n]) => n).map(([word, n]) => `${n} ${word}`);
  const verdict = grave ? "bad" : minor ? "warn" : pipelines.length ? "good" : "none";
  attribute($("verdict"), "data-verdict", verdict);
  const share = (n) => (pipelines.length === 1 ? "The pipeline" : `${n} of ${pipelines.length} pipelines`);
  const need = (n) => (n === 1 || pipelines.length === 1 ? "needs" : "need");
  const headline = {
    bad: `${share(grave)} ${need(grave)} attention`,
    warn: `${share(minor)} ${minor === 1 ? "is" : "are"} held up`,
    good: "Everything runs as it should",
    none: "Nothing to run",
  }[verdict];
  text($("headline"), headline);
  const well = pipelines.filter((pipeline) => pipeline.state === "RUNNING").length - problems.filter(({ state }) => state === "BLOCKED").length;
  const sub = [
    verdict === "good" && `${plural(well, "pipeline", "pipelines")} running`,
    verdict === "bad" && minor > 0 && `${minor} more held up`,
    (verdict === "bad" || verdict === "warn") && well > 0 && `${well} running well`,
    ...asides,
    verdict !== "none" && plural(pipelines.reduce((n, pipeline) => n + pipeline.partitions.length, 0), "partition", "partitions"),
  ];
  text($("subline"), sub.filter(Boolean).join(" · "));
  const mark = { bad: `(${grave}!) `, warn: `(${minor}) ` }[verdict] ?? "";
  const title = `${mark}Snowgate`;
  if (document.title !== title) document.title = title;
}

/** A card for a pipeline that has a problem: what, since when, what to do. */
function problemPart({ pipeline: { name } }) {
  const badge = el("span", { class: "state" });
  const since = el("p", { class: "since" });
  const what = el("p", { class: "what" });
  const why = el("p", { class: "why" });
  const todo = el("p", { class: "todo" });
  const causes = el("ul", { class: "causes" });
  const open = el("a", { href: `#p-${encodeURIComponent(name)}`, "aria-label": `Details of ${name}` }, "Details");
  const node = el("article", {}, el("div", { class: "top" }, badge, el("h3", {}, name), since, open), what, why, todo, causes);
  const update = ({ pipeline, causes: list, grave, since: at, state, now }) => {
    attribute(node, "data-grave", grave);
    attribute(badge, "data-state", state);
    text(badge, state.toLowerCase());
    text(since, at == null ? "" : `for ${span(Math.round((now - at) / 1000))}, since ${time(at, now)}`);
    const { summary, reasons, hint } = parted(pipeline.error ?? "");
    // A pipeline that stalls repeats in its error what its only cause says.
    const repeats = list.some((cause) => cause.message === summary);
    prose(what, repeats ? "" : summary);
    prose(why, reasons);
    prose(todo, hint);
    each(causes, list, (cause) => cause.key, causePart);
  };
  return { node, update };
}

/** An error as the gateway writes it: what, then lines of `because: …`, then `hint: …`. */
function parted(error) {
  const [summary, ...rest] = error.split("\n").map((line) => line.trim()).filter(Boolean);
  const isHint = (line) => line.startsWith("hint: ");
  const hint = rest.filter(isHint).map((line) => line.slice("hint: ".length));
  return { summary: summary ?? "", reasons: rest.filter((line) => !isHint(line)).join("\n"), hint: hint.join("; ") };
}

function causePart() {
  const where = el("p", { class: "where" });
  const message = el("p", { class: "what" });
  const hint = el("p", { class: "todo" });
  const update = (cause) => {
    const some = cause.partitions.length === 1 ? "partition" : "partitions";
    const stays = cause.needs_person ? "stays until a person acts" : "tried again by itself";
    text(where, `${cause.reason} · ${some} ${ranges(cause.partitions)} of ${cause.topic} · ${stays}`);
    prose(message, cause.message);
    prose(hint, cause.hint);
  };
  return { node: el("li", {}, where, message, hint), update };
}

function figure(title) {
  const number = el("span", { class: "number" });
  const unit = el("span", { class: "unit" });
  const note = el("span", { class: "note" });
  const line = sparkline();
  const node = el("div", { class: "figure" }, el("dt", {}, title), el("dd", {}, el("span", { class: "value" }, number, unit), note, line.node));
  return { node, number, unit, note, line };
}

let figures;

function drawTotals(snapshot, history) {
  if (!figures) {
    figures = { records: figure("Consumed"), rows: figure("Committed"), lag: figure("Lag"), memory: figure("Memory") };
    figures.meter = el("span", { class: "meter", role: "meter", "aria-label": "Memory held", "aria-valuemin": "0" }, el("span"));
    figures.memory.line.node.replaceWith(figures.meter);
    $("totals").append(...["records", "rows", "lag", "memory"].map((name) => figures[name].node));
  }
  const { records, rows, lag: behind, memory, meter } = figures;
  show(records, short(history.rate("records")), "records/s", `${short((history.rate("bytes") ?? 0) / 1e6)} MB/s`);
  records.line.update(history.rates("records"));
  const committed = snapshot.pipelines.reduce((n, pipeline) => n + pipeline.rows_committed, 0);
  show(rows, short(history.rate("rows")), "rows/s", `${short(committed)} rows since the start`);
  rows.line.update(history.rates("rows"));
  const { records: unsettled, seconds } = lag(snapshot.pipelines.flatMap((pipeline) => pipeline.partitions));
  show(behind, short(unsettled), "records", seconds == null ? "age not known" : `oldest ${span(seconds)}`);
  attribute(behind.number, "title", count(unsettled));
  behind.line.update(history.values("lag"));
  const { used_bytes: used, max_bytes: max, resident_bytes: resident } = snapshot.memory;
  const [number, unit] = bytes(used).split(JOIN);
  show(memory, number, unit, `of ${bytes(max)}${resident == null ? "" : ` · process ${bytes(resident)}`}`);
  const share = max ? Math.min(1, used / max) : 0;
  meter.firstChild.style.width = `${(share * 100).toFixed(1)}%`;
  attribute(meter, "data-full", share > 0.9);
  attribute(meter, "aria-valuemax", max);
  attribute(meter, "aria-valuenow", used);
  attribute(meter, "aria-valuetext", `${bytes(used)} of ${bytes(max)}`);
}

function show(figure, number, unit, note) {
  text(figure.number, number);
  text(figure.unit, unit);
  text(figure.note, note);
}
