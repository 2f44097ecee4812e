// Keeps the page true: a snapshot comes each second, and everything on the page is drawn from it.
//
// While the page cannot be seen it does not watch, which leaves its place to another. Where it gets no stream it asks now and then.

import { attribute, text } from "./dom.js";
import { span, time } from "./format.js";
import { Histories } from "./history.js";
import { drawOverview } from "./overview.js";
import { drawPipelines, openWanted } from "./pipeline.js";

const POLL_MS = 5000;

/** No snapshot for so long, and what the page shows is old. */
const OLD_MS = 5000;

const histories = new Histories();
let stream;
let poll;
let drawnAt;
let drawn;
let trouble = "";

function draw(snapshot) {
  drawnAt = performance.now();
  drawn = snapshot.now_ms;
  trouble = "";
  histories.add(snapshot);
  drawOverview(snapshot, histories);
  drawPipelines(snapshot, histories);
  drawLink();
}

function drawLink() {
  const age = drawnAt == null ? Infinity : performance.now() - drawnAt;
  const old = trouble !== "" || age > (poll ? POLL_MS + OLD_MS : OLD_MS);
  const state = !old ? "live" : drawnAt == null && !trouble ? "waiting" : "lost";
  attribute(document.getElementById("link"), "data-link", state);
  attribute(document.body, "data-old", old && drawnAt != null);
  const seen = drawnAt == null ? "" : `, last seen ${span(Math.round(age / 1000))} ago`;
  const words = { live: poll ? "Every 5 s" : "Live", waiting: "Connecting", lost: `${trouble || "No answer"}${seen}` };
  text(document.getElementById("link-text"), words[state]);
  if (state === "lost") drawLost();
}

/** What was seen last is no verdict: everything may have stopped since. */
function drawLost() {
  attribute(document.getElementById("verdict"), "data-verdict", "bad");
  text(document.getElementById("headline"), "The gateway does not answer");
  text(document.getElementById("subline"), drawn == null ? "" : `What stands below was so at ${time(drawn, Date.now())}`);
  document.title = "(?) Snowgate";
}

function watch() {
  clearInterval(poll);
  poll = null;
  stream?.close();
  stream = new EventSource("ui/events");
  stream.onmessage = (event) => draw(JSON.parse(event.data));
  // A browser asks again by itself after a broken stream, but not after a refusal.
  stream.onerror = () => stream.readyState === EventSource.CLOSED && startPolling();
}

function startPolling() {
  if (poll) return;
  ask();
  let turns = 0;
  poll = setInterval(() => (++turns % 6 ? ask() : watch()), POLL_MS);
}

async function ask() {
  try {
    const answer = await fetch("ui/data");
    if (answer.ok) draw(await answer.json());
    else trouble = answer.status === 401 ? "Not signed in" : `The gateway answered ${answer.status}`;
  } catch {
    trouble = "No answer";
  }
  drawLink();
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") return watch();
  clearInterval(poll);
  stream?.close();
});

addEventListener("hashchange", () => openWanted());
setInterval(drawLink, 1000);
watch();
