// Numbers and times as a person reads them.

/** Keeps a number and its unit on one line. */
export const JOIN = "\u00a0";

const whole = new Intl.NumberFormat("en");

/** All digits, in groups of three. */
export const count = (n) => (n == null ? "–" : whole.format(n));

/** Three digits at most, then a letter: 12.4 k. */
export function short(n) {
  if (n == null || !Number.isFinite(n)) return "–";
  for (const [size, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (n >= size) return digits(n / (letter === "k" ? 1e3 : size)) + JOIN + letter;
  }
  return n >= 100 || Number.isInteger(n) ? whole.format(Math.round(n)) : digits(n);
}

const digits = (n) => (n >= 99.95 ? whole.format(Math.round(n)) : n >= 9.995 ? n.toFixed(1) : n.toFixed(n === 0 ? 0 : 2));

/** An offset stands alone and is copied: digits only. */
export const offset = (n) => (n == null ? "–" : String(n));

export function bytes(n) {
  if (n == null) return "–";
  for (const [size, unit] of [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (n >= size) return digits(n / size) + JOIN + unit;
  }
  return Math.round(n) + JOIN + "B";
}

/** A length of time, in its two largest units. */
export function span(seconds) {
  return seconds == null || !Number.isFinite(seconds) ? "–" : spanOf(Math.max(0, seconds)).replaceAll(" ", JOIN);
}

function spanOf(s) {
  if (s < 0.95) return s === 0 ? "0 s" : `${Math.max(1, Math.round(s * 1000))} ms`;
  if (s < 9.5) return `${s.toFixed(1).replace(/\.0$/, "")} s`;
  if (s < 59.5) return `${Math.round(s)} s`;
  const minutes = Math.round(s / 60);
  if (s < 600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** The time of day, with the day where it is not today. */
export function time(ms, now) {
  const at = new Date(ms);
  const today = at.toDateString() === new Date(now).toDateString();
  return today ? clock.format(at) : `${date.format(at)} ${clock.format(at)}`;
}

export const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;

/** 0, 1, 2, 5 → "0–2, 5" */
export function ranges(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const parts = [];
  for (let i = 0; i < sorted.length; ) {
    let j = i;
    while (sorted[j + 1] === sorted[j] + 1) j++;
    parts.push(j === i ? sorted[i] : j === i + 1 ? `${sorted[i]}, ${sorted[j]}` : `${sorted[i]}–${sorted[j]}`);
    i = j + 1;
  }
  return parts.join(", ");
}
