// The lower half: a row for each pipeline, which opens.

import { buttons } from "./actions.js";
import { attribute, each, el, sparkline, table, text } from "./dom.js";
import { bytes, count, offset, plural, short, span, time } from "./format.js";
import { lag } from "./history.js";
import { problemOf } from "./overview.js";

/** Partitions shown before a person asks for all: more would be slow to draw each second, and nobody reads them. */
const SOME = 50;

/** Upper bounds of the append histogram, in seconds. */
const BOUNDS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];

export function drawPipelines(snapshot, histories) {
  const rows = document.getElementById("rows");
  attribute(document.getElementById("none"), "hidden", snapshot.pipelines.length > 0);
  attribute(document.getElementById("columns"), "hidden", !snapshot.pipelines.length);
  const now = snapshot.now_ms;
  const items = snapshot.pipelines.map((pipeline) => ({ pipeline, now, history: histories.of(pipeline.name) }));
  const first = !rows.parts;
  each(rows, items, ({ pipeline }) => `${pipeline.kind} ${pipeline.name}`, pipelinePart);
  if (first) openWanted(snapshot.pipelines.length === 1);
}

/** Opens the pipeline that the address names; one that is alone is open anyway. */
export function openWanted(alone = false) {
  const id = location.hash.startsWith("#p-") ? location.hash.slice(1) : null;
  const wanted = id ? document.getElementById(id) : alone ? document.querySelector("#rows > details") : null;
  if (!wanted) return;
  wanted.open = true;
  if (!id) return;
  wanted.scrollIntoView({ block: "start" });
  wanted.firstChild.focus({ preventScroll: true });
}

function pipelinePart({ pipeline: { name } }) {
  const state = el("span", { class: "state" });
  const about = el("span", { class: "about" });
  const rate = measure("Records");
  const behind = measure("Lag");
  const summary = el(
    "summary",
    {},
    el("span", { class: "who" }, el("span", { class: "title" }, el("span", { class: "name", role: "heading", "aria-level": "3" }, name), state), about),
    rate.node,
    behind.node,
    el("span", { class: "chevron", "aria-hidden": "true" }),
  );
  const node = el("details", { id: `p-${encodeURIComponent(name)}` }, summary);
  let body;
  let latest;
  const update = (item) => {
    latest = item;
    const { pipeline, history } = item;
    const problem = problemOf(pipeline);
    const shown = problem?.state ?? pipeline.state;
    attribute(state, "data-state", shown);
    attribute(node, "data-state", shown);
    text(state, shown.toLowerCase());
    text(about, [pipeline.kind, plural(pipeline.partitions.length, "partition", "partitions"), topics(pipeline.topics)].join(" · "));
    const perSecond = history.rate("records");
    rate.show(`${short(perSecond)}/s`, `${short((history.rate("bytes") ?? 0) / 1e6)} MB/s`, history.rates("records"));
    const { records, seconds } = lag(pipeline.partitions);
    behind.show(short(records), seconds == null ? "records" : span(seconds), history.values("lag"));
    if (!node.open) return;
    if (!body) node.append((body = bodyPart(pipeline)).node);
    body.update(item);
  };
  node.addEventListener("toggle", () => node.open && update(latest));
  return { node, update };
}

const topics = (list) => (list.length > 2 ? `${list[0]} and ${list.length - 1} more topics` : list.join(", "));

function measure(title) {
  const number = el("span", { class: "number" });
  const note = el("span", { class: "note" });
  const line = sparkline();
  const node = el("span", { class: "measure" }, line.node, el("span", { class: "value" }, el("span", { class: "hear" }, `${title} `), number, " ", note));
  const show = (value, aside, values) => {
    text(number, value);
    text(note, aside);
    line.update(values);
  };
  return { node, show };
}

/** What is inside: made when it is first opened, and only drawn while it is open. */
function bodyPart({ name, kind }) {
  const actions = kind === "connector" ? buttons(name) : null;
  const error = el("pre", { class: "error", tabindex: "0", "aria-label": "Error" });
  const facts = el("dl", { class: "facts" });
  const partitions = partitionsPart();
  const plugins = section("Plugins", table("Plugins", PLUGINS, (plugin) => `${plugin.name} ${plugin.sha256}`));
  const letters = section("Dead letters", table("Dead letters", LETTERS, ([reason]) => reason));
  const errors = section("Last errors", errorsPart());
  const config = configPart();
  const node = el("div", { class: "body" });
  if (actions) node.append(actions.node);
  node.append(error, facts, partitions.node, plugins.node, letters.node, errors.node, config.node);
  const update = ({ pipeline, now }) => {
    actions?.update(pipeline.state);
    attribute(error, "hidden", !pipeline.error);
    text(error, pipeline.error ?? "");
    each(facts, factsOf(pipeline, now), ([title]) => title, factPart);
    partitions.update(pipeline.partitions, now);
    plugins.update(pipeline.plugins);
    letters.update(pipeline.dead_letters);
    errors.update(pipeline.last_errors.map((item, i) => ({ ...item, now, key: `${item.at_ms} ${i} ${item.text}` })));
    config.update(pipeline.config);
  };
  return { node, update };
}

function factsOf(pipeline, now) {
  const { counts, above, sum_seconds: seconds } = pipeline.append_seconds;
  const appends = counts.reduce((a, b) => a + b, above);
  const state = pipeline.since_ms == null ? "" : ` for ${span(Math.round((now - pipeline.since_ms) / 1000))}`;
  return [
    ["State", `${pipeline.state.toLowerCase()}${state}`],
    ["Consumer group", pipeline.group],
    ["Topics", pipeline.topics.join(", ")],
    ["Worker threads", count(pipeline.workers)],
    ["Records consumed", `${count(pipeline.records_consumed)} · ${bytes(pipeline.bytes_consumed)}`],
    ["Rows committed", count(pipeline.rows_committed)],
    ["Records dropped", count(pipeline.records_dropped)],
    ["Dead letters", count(pipeline.dead_letters.reduce((n, [, letters]) => n + letters, 0))],
    ["Appends", `${count(pipeline.appends)} · ${bytes(pipeline.append_bytes)}`],
    ["Failed appends", count(pipeline.append_errors)],
    ["An append takes", appends ? `${span(seconds / appends)} · 95 % within ${within(counts, appends)}` : "–"],
  ];
}

/** The bound that 95 of 100 appends kept. */
function within(counts, all) {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) if ((sum += counts[i]) >= 0.95 * all) return span(BOUNDS[i]);
  return "more than 30 s";
}

function factPart([title]) {
  const value = el("dd");
  return { node: el("div", {}, el("dt", {}, title), value), update: ([, shown]) => text(value, shown) };
}

function section(title, part) {
  const node = el("section", { "aria-label": title }, el("h4", {}, title), part.node);
  const update = (items) => {
    attribute(node, "hidden", !items.length);
    part.update(items);
  };
  return { node, update };
}

const PARTITIONS = [
  ["Partition", (p) => `${p.topic} ${p.partition}`, "main"],
  ["Table", (p) => ({ text: tables(p), title: [`channel ${p.channel}, worker ${p.worker}`, ...moreTables(p)].join("\n") }), "wide"],
  ["Committed", (p) => offset(p.committed_offset), "digits"],
  ["Appended", (p) => offset(p.appended_offset), "digits"],
  ["Group", (p) => offset(p.group_offset), "digits"],
  ["Log end", (p) => offset(p.log_end_offset), "digits"],
  ["Lag", (p) => count(p.lag_records), "digits"],
  ["Oldest", (p) => span(p.lag_seconds), "digits"],
  ["Held back by", (p) => p.blocked && { text: `${p.blocked.reason} for ${span(Math.round((p.now - p.blocked.since_ms) / 1000))}`, title: p.blocked.message, kind: p.blocked.needs_person ? "bad" : "warn" }, "wide"],
];

const tables = (p) => (p.more_tables ? `${p.table} and ${p.more_tables.length} more` : p.table);
const moreTables = (p) => (p.more_tables ?? []).map((more) => `${more.table}: committed ${offset(more.committed_offset)}`);

function partitionsPart() {
  const rows = table("Partitions", PARTITIONS, (p) => `${p.topic} ${p.partition}`);
  const more = el("button", { type: "button", class: "more" });
  let all = false;
  let latest;
  const node = el("section", { "aria-label": "Partitions" }, el("h4", {}, "Partitions"), rows.node, more);
  const update = (partitions, now) => {
    latest = [partitions, now];
    attribute(node, "hidden", !partitions.length);
    const sorted = [...partitions].sort((a, b) => !!b.blocked - !!a.blocked || order(a.topic, b.topic) || a.partition - b.partition);
    rows.update((all ? sorted : sorted.slice(0, SOME)).map((partition) => ({ ...partition, now })));
    attribute(more, "hidden", all || sorted.length <= SOME);
    text(more, `Show all ${count(sorted.length)}`);
  };
  more.addEventListener("click", () => {
    all = true;
    update(...latest);
  });
  return { node, update };
}

const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

const taken = (p) => p.kept + p.replaced + p.split + p.dropped + p.rejected;

const PLUGINS = [
  ["Plugin", (p) => ({ text: `${p.name} ${p.version}`.trim(), title: `sha256 ${p.sha256}` }), "main"],
  ["Kept", (p) => count(p.kept), "digits"],
  ["Replaced", (p) => count(p.replaced), "digits"],
  ["Split", (p) => count(p.split), "digits"],
  ["Dropped", (p) => count(p.dropped), "digits"],
  ["Rejected", (p) => ({ text: count(p.rejected), kind: p.rejected ? "warn" : null }), "digits"],
  ["Faults", (p) => ({ text: count(p.faults), kind: p.faults ? "bad" : null }), "digits"],
  ["Per record", (p) => (taken(p) ? `${count(Math.round((p.seconds * 1e9) / taken(p)))} ns` : "–"), "digits"],
];

const LETTERS = [
  ["Reason", ([reason]) => reason, "main"],
  ["Records", ([, letters]) => count(letters), "digits"],
];

function errorsPart() {
  const node = el("ol", { class: "errors" });
  const make = ({ at_ms, now }) => {
    const shown = el("pre");
    return { node: el("li", {}, el("time", { datetime: new Date(at_ms).toISOString() }, time(at_ms, now)), shown), update: (item) => text(shown, item.text) };
  };
  return { node, update: (items) => each(node, items, (item) => item.key, make) };
}

/** The effective configuration, a line for each key. Closed at first: it is long, and changes seldom. */
function configPart() {
  const list = el("dl", { class: "config" });
  const node = el("details", { class: "effective" }, el("summary", {}, "Effective configuration"), list);
  const update = (config) => {
    const lines = flat(config);
    attribute(node, "hidden", !lines.length);
    each(list, lines, ([key]) => key, factPart);
  };
  return { node, update };
}

function flat(value, path = "") {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    return path ? [[path, typeof value === "string" ? value : JSON.stringify(value)]] : [];
  }
  return Object.entries(value).flatMap(([key, inner]) => flat(inner, path ? `${path}.${key}` : key));
}
