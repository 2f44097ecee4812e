// Elements. Whatever comes from a snapshot goes in as text: nothing here, nor elsewhere on the page, takes HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, then children: elements or text. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) attribute(node, name, value);
  node.append(...children);
  return node;
}

export function attribute(node, name, value) {
  if (value == null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value === true ? "" : value);
}

/** Touches the page only where the text differs, so that selections and screen readers are left alone. */
export function text(node, value) {
  const wanted = value ?? "";
  if (node.textContent !== wanted) node.textContent = wanted;
}

/** The same for a sentence of ours: what stands between backticks is a name, and is set as one. */
export function prose(node, value) {
  const wanted = value ?? "";
  if (node.prose === wanted) return;
  node.prose = wanted;
  node.replaceChildren(...wanted.split("`").map((part, i, all) => (i % 2 && i < all.length - 1 ? el("code", {}, part) : i % 2 ? `\`${part}` : part)).filter(Boolean));
}

/**
 * Makes the children of `parent` those of `items`, in their order: `make(item)` gives a part `{node, update}` once for each key, and
 * `update(item)` is called each time.
 */
export function each(parent, items, key, make) {
  const old = parent.parts ?? new Map();
  const parts = new Map();
  let place = parent.firstChild;
  for (const item of items) {
    const name = key(item);
    const part = old.get(name) ?? make(item);
    if (parts.has(name)) continue;
    parts.set(name, part);
    part.update(item);
    if (part.node === place) place = place.nextSibling;
    else parent.insertBefore(part.node, place);
  }
  for (const [name, part] of old) if (!parts.has(name)) part.node.remove();
  parent.parts = parts;
}

/**
 * A table. Each column: `[title, cell]`, where `cell(item)` is text, or `{text, kind}`. Roles are written out, for on a phone the rows
 * are laid out as cards, and browsers forget what they were.
 */
export function table(label, columns, key) {
  const titles = columns.map(([title, , kind]) => el("th", { role: "columnheader", scope: "col", class: kind }, title));
  const body = el("tbody", { role: "rowgroup" });
  const node = el(
    "div",
    { class: "table", role: "region", tabindex: "0", "aria-label": label },
    el("table", { role: "table", "aria-label": label }, el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...titles)), body),
  );
  const row = () => {
    const cells = columns.map(([title, , kind]) => el("td", { role: "cell", class: kind, "data-title": title }, el("span")));
    const update = (item) => {
      columns.forEach(([, cell], i) => {
        const shown = cell(item);
        text(cells[i].firstChild, shown?.text ?? (typeof shown === "object" ? "" : shown));
        attribute(cells[i], "data-kind", shown?.kind);
        attribute(cells[i], "title", shown?.title);
      });
    };
    return { node: el("tr", { role: "row" }, ...cells), update };
  };
  return { node, update: (items) => each(body, items, key, row) };
}

const WIDTH = 120;
const HEIGHT = 28;

/** Fewer values than these do not fill the line's width: a page just opened has little to tell, and shows that. */
const EARLY = 40;

/** A small line of the last values, the newest at the right. Its number stands beside it, so it is hidden from screen readers. */
export function sparkline() {
  const area = svg("path", { class: "area" });
  const line = svg("path", { class: "line" });
  const ground = svg("path", { class: "ground", d: `M0 ${HEIGHT}H${WIDTH}` });
  const node = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, ground, area, line);
  const update = (values) => {
    const known = values.map((v) => (Number.isFinite(v) ? v : 0));
    if (known.length < 2) return;
    const top = Math.max(...known, 1e-9);
    const step = WIDTH / (Math.max(known.length, EARLY) - 1);
    const from = WIDTH - (known.length - 1) * step;
    const points = known.map((v, i) => `${(from + i * step).toFixed(1)} ${(HEIGHT - 2 - (v / top) * (HEIGHT - 5)).toFixed(1)}`);
    attribute(line, "d", `M${points.join("L")}`);
    attribute(area, "d", `M${from.toFixed(1)} ${HEIGHT}L${points.join("L")}L${WIDTH} ${HEIGHT}Z`);
  };
  return { node, update };
}
