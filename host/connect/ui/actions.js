// Pause, resume, restart: Connect's own requests, after a question.

import { el, text, attribute } from "./dom.js";

const $ = (id) => document.getElementById(id);

const ACTIONS = {
  pause: {
    verb: "Pause",
    method: "PUT",
    path: "pause",
    tells: "Rows on their way are committed, then Kafka is read no further. The lag grows until you resume; nothing is lost.",
  },
  resume: { verb: "Resume", method: "PUT", path: "resume", tells: "Reads on from where it stopped." },
  restart: {
    verb: "Restart",
    method: "POST",
    path: "restart?includeTasks=true",
    tells: "Rows on their way are committed, then the connector starts again from its configuration. No record is lost or doubled.",
  },
};

/** Which of them make sense for a connector in that state. */
function fitting(state) {
  if (state === "PAUSED" || state === "STOPPED") return ["resume"];
  return ["pause", "restart"];
}

/** The buttons of a connector: a part `{node, update(state)}`. The first stays one element, so that the keyboard stays on it. */
export function buttons(name) {
  const first = el("button", { type: "button" });
  const restart = el("button", { type: "button" }, "Restart");
  let shown = "pause";
  first.addEventListener("click", () => run(shown, name, first));
  restart.addEventListener("click", () => run("restart", name, restart));
  const node = el("div", { class: "buttons", role: "group", "aria-label": `Connector ${name}` }, first, restart);
  const update = (state) => {
    const actions = fitting(state);
    shown = actions[0];
    text(first, ACTIONS[shown].verb);
    attribute(first, "data-action", shown);
    attribute(restart, "data-action", "restart");
    attribute(restart, "hidden", !actions.includes("restart"));
  };
  return { node, update };
}

async function run(action, name, button) {
  const { verb, method, path, tells } = ACTIONS[action];
  if (button.getAttribute("aria-busy") || !(await agreed(`${verb} ${name}?`, tells, verb))) return;
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`connectors/${encodeURIComponent(name)}/${path}`, { method, headers: { Accept: "application/json" } });
    if (answer.ok) notify(`${verb} of ${name} accepted.`);
    else notify(`${verb} of ${name} was refused: ${await reason(answer)}`, true);
  } catch {
    notify(`${verb} of ${name} was not sent: the gateway does not answer.`, true);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

async function reason(answer) {
  const body = await answer.text();
  try {
    return `${answer.status}, ${JSON.parse(body).message ?? body}`;
  } catch {
    return `${answer.status} ${body.slice(0, 200)}`.trim();
  }
}

/** Asks; true when the person said yes. Escape and Cancel say no. */
function agreed(title, tells, yes) {
  const dialog = $("confirm");
  text($("confirm-title"), title);
  text($("confirm-text"), tells);
  text($("confirm-yes"), yes);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

$("confirm-no").addEventListener("click", () => $("confirm").close());
$("confirm-yes").addEventListener("click", () => $("confirm").close("yes"));

let forget;

function notify(message, bad = false) {
  const notice = $("notice");
  attribute(notice, "data-bad", bad);
  text(notice, message);
  clearTimeout(forget);
  forget = setTimeout(() => text(notice, ""), bad ? 20000 : 6000);
}
