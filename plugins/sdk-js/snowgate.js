// Write Snowgate plugins in JavaScript: one function that sees a record and says what becomes of it.
//
//   import { drop, keep, plugin } from "./snowgate/sdk/snowgate.js";
//
//   export const transform = plugin({
//     name: "no-tests",
//     version: "1.0.0",
//     transform: (record) => (record.json().test ? drop() : keep()),
//   });
//
// Records are views into the columns of a batch: bytes become text, and text becomes JSON, when somebody asks and once.
// The answer should follow from the record and the configuration alone: instances come and go, and after a fault a record is
// shown again. `snowgate.d.ts` says what each function takes.

import logging from "snowgate:transform/log@0.2.0";
import metrics from "snowgate:transform/metrics@0.2.0";

import { NOTHING, decode, encode, isAscii, isNull, nulls } from "./columns.js";

const KEEP = { verdict: 0 };
const DROP = { verdict: 1 };
const REPLACE = 2;
const REJECT = 3;

/** The gateway reads no more of a message. */
const MESSAGE_CHARACTERS = 1024;

/** The record goes on as it is. */
export const keep = () => KEEP;

/** The record goes no further. */
export const drop = () => DROP;

/**
 * `value` stands in for the record: text, bytes, `null` for a tombstone, or anything else as JSON.
 * `{ key }` gives it another key; without it, it keeps the record's.
 */
export const replace = (value, options) => ({ verdict: REPLACE, outputs: [output(value, options)] });

/** Several outputs stand in for the record, each as `output(value, { key })` or a value alone. */
export const split = (outputs) => ({ verdict: REPLACE, outputs: outputs.map((each) => (each instanceof Output ? each : output(each))) });

/** One output of a `split` with a key of its own. */
export const output = (value, options) => new Output(value, options);

/** The record becomes a dead letter with this message. From deep inside, throw a `Reject` instead. */
export const reject = (message) => ({ verdict: REJECT, message: String(message) });

/** Thrown, it rejects the record. Any other error is taken for a fault of the plugin's, and too many of those rest it. */
export class Reject extends Error {
  get name() {
    return "Reject";
  }
}

/** Lines for the gateway's log, under the plugin's name. Do not log records. */
export const log = Object.fromEntries(
  ["trace", "debug", "info", "warn", "error"].map((level) => [level, (line) => logging.write(level, String(line).toWellFormed())]),
);

const counts = new Map();

/** Adds to one of the plugin's counters; the gateway hears of it once for each batch. Never make a name from a record. */
export function count(name, n = 1) {
  counts.set(name, (counts.get(name) ?? 0) + n);
}

/** One record. A column that `needs` leaves out looks as if no record had it. */
export class Record {
  #batch;
  #index;
  #text;

  constructor(batch, index) {
    this.#batch = batch;
    this.#index = index;
  }

  get topic() {
    return this.#batch.input.topic;
  }

  get partition() {
    return this.#batch.input.partition;
  }

  get offset() {
    return this.#batch.input.offsets[this.#index] ?? null;
  }

  /** Milliseconds since 1970, or `null`. */
  get timestamp() {
    const timestamp = this.#batch.input.timestamps[this.#index] ?? -1;
    return timestamp < 0 ? null : timestamp;
  }

  /** The value's bytes, or `null` for a tombstone. */
  get value() {
    return this.#batch.values.bytes(this.#index);
  }

  /** The value as text, or `null` for a tombstone. Bytes that are no UTF-8 reject the record. */
  text() {
    this.#text ??= this.#batch.values.text(this.#index);
    return this.#text;
  }

  /** The value as JSON. A tombstone, or what is no JSON, rejects the record. Numbers beyond 2^53 lose digits. */
  json() {
    const text = this.text();
    if (text === null) throw new Reject("the record has no value");
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Reject(`the value is no JSON: ${error.message}`);
    }
  }

  /** The key's bytes, or `null`. */
  get key() {
    return this.#batch.keys.bytes(this.#index);
  }

  /** The key as text, or `null`. */
  keyText() {
    return this.#batch.keys.text(this.#index);
  }

  /** The headers in order, each `{ name, value }` with the value's bytes or `null`. A name may come twice. */
  headers() {
    const { counts } = this.#batch.input.headers;
    const end = counts[this.#index] ?? 0;
    const headers = [];
    for (let i = this.#index === 0 ? 0 : (counts[this.#index - 1] ?? 0); i < end; i++) {
      headers.push({ name: this.#batch.names.text(i), value: this.#batch.headers.bytes(i) });
    }
    return headers;
  }

  /**
   * Sends the record to `table`, whether it is kept or replaced; all of its outputs go there. The last call counts. The plugin's `routes` must
   * be true. `table` is one of the pipeline's `more_tables`, named as Snowflake names it; a record that is sent to another is rejected.
   */
  routeTo(table) {
    // The interface takes no half of a surrogate pair, which a record may hold.
    this.#batch.table = String(table).toWellFormed();
  }

  /** The text of the first header of that name, or `null`. */
  header(name) {
    const found = this.headers().find((header) => header.name === name);
    return found === undefined || found.value === null ? null : decodeOrReject(found.value, "a header");
  }
}

/** Makes the component's exports of a plugin's description and functions. */
export function plugin({ name, version, needs = ["values"], routes = false, configSchema, configure = refuseOptions, transform }) {
  let state;
  return {
    describe: () => ({
      name,
      version,
      needs: Object.fromEntries(needs.map((column) => [column, true])),
      routes,
      configSchema: configSchema === undefined ? null : JSON.stringify(configSchema),
    }),
    configure: (config, tables) => {
      try {
        state = configure(JSON.parse(config), tables);
      } catch (error) {
        throw said(error);
      }
    },
    process: (input) => {
      try {
        return run(input, (record) => transform(record, state));
      } catch (error) {
        log.error(told(error));
        throw said(error);
      } finally {
        counts.clear();
      }
    },
  };
}

function refuseOptions(config) {
  for (const option of Object.keys(config)) throw new Error(`unknown option \`${option}\`, there are none`);
}

class Output {
  constructor(value, { key } = {}) {
    this.value = asPart(value);
    this.key = key === undefined ? undefined : asPart(key);
  }
}

/** Text and bytes stay, `null` stays; everything else becomes JSON. */
function asPart(value) {
  if (value === null || typeof value === "string" || value instanceof Uint8Array) return value;
  const json = JSON.stringify(value);
  if (json === undefined) throw new TypeError(`${typeof value} is no value`);
  return json;
}

/** One column of a batch. All of it becomes text in one step, for a step costs more than its bytes. */
class Column {
  #column;
  #what;
  #latin1;
  #isAscii;

  constructor(column, what) {
    this.#column = column;
    this.#what = what;
  }

  #start(index) {
    return index === 0 ? 0 : this.#column.ends[index - 1];
  }

  #has(index) {
    return index < this.#column.ends.length && !isNull(this.#column.nulls, index);
  }

  bytes(index) {
    return this.#has(index) ? this.#column.data.subarray(this.#start(index), this.#column.ends[index]) : null;
  }

  text(index) {
    if (!this.#has(index)) return null;
    this.#isAscii ??= isAscii(this.#column.data);
    if (!this.#isAscii) return decodeOrReject(this.bytes(index), this.#what);
    this.#latin1 ??= decode(this.#column.data);
    return this.#latin1.substring(this.#start(index), this.#column.ends[index]);
  }
}

function decodeOrReject(bytes, what) {
  try {
    return decode(bytes);
  } catch {
    throw new Reject(`${what} is no UTF-8`);
  }
}

/** Carries a batch through `transform`. */
function run(input, transform) {
  const batch = {
    input,
    values: new Column(input.values, "the value"),
    keys: new Column(input.keys, "the key"),
    names: new Column(input.headers.names, "a header's name"),
    headers: new Column(input.headers.values, "a header"),
    /** Where the record at hand was sent to. */
    table: null,
  };
  const verdicts = new Uint8Array(input.count);
  const sources = [];
  const values = [];
  const failures = [];
  const tables = new Map();
  let routes = null;
  let keys = null;
  for (let index = 0; index < input.count; index++) {
    let answer;
    batch.table = null;
    try {
      answer = transform(new Record(batch, index));
    } catch (error) {
      if (!(error instanceof Reject)) throw error;
      answer = reject(error.message);
    }
    if (answer?.verdict === REPLACE && answer.outputs.length === 0) answer = reject("the plugin replaced the record by nothing");
    switch (answer?.verdict) {
      case 0:
      case 1:
        break;
      case REPLACE:
        for (const { value, key } of answer.outputs) {
          // Until one has a key of its own, all keep their records' by having none.
          if (key !== undefined && keys === null) keys = sources.map((source) => batch.keys.bytes(source));
          keys?.push(key === undefined ? batch.keys.bytes(index) : key);
          values.push(value);
          sources.push(index);
        }
        break;
      case REJECT:
        // The interface takes no half of a surrogate pair, which a record may hold and a cut may leave.
        failures.push([index, answer.message.slice(0, MESSAGE_CHARACTERS).toWellFormed()]);
        break;
      default:
        throw new TypeError("`transform` must return keep(), drop(), replace(…), split(…) or reject(…)");
    }
    verdicts[index] = answer.verdict;
    if (batch.table !== null && (answer.verdict === KEEP.verdict || answer.verdict === REPLACE)) {
      if (!tables.has(batch.table)) tables.set(batch.table, tables.size + 1);
      routes ??= new Uint32Array(input.count);
      routes[index] = tables.get(batch.table);
    }
  }
  for (const [name, n] of counts) metrics.add(name, n);
  return { verdicts, sources, values: pack(values), keys: keys === null ? NOTHING : pack(keys), failures, tables: [...tables.keys()], routes: routes ?? [] };
}

function pack(items) {
  return { ...encode(items), nulls: nulls(items) };
}

/** What a thrown thing says. The interface takes text and nothing else. */
function said(error) {
  const text = error instanceof Error ? (error.name === "Error" ? error.message : `${error.name}: ${error.message}`) : String(error);
  return text.toWellFormed();
}

function told(error) {
  const where = error instanceof Error ? (error.stack ?? "").trim().split("\n", 1)[0].trim() : "";
  return where === "" ? said(error) : `${said(error)} ${where}`;
}

/** A plugin has no clock and no random numbers. Asking for them would end in a trap that says nothing, or in the same numbers each time. */
function forbidWhatIsNotThere() {
  const refuse = (what) => () => {
    throw new Error(`a plugin has no ${what}: the answer follows from the record and the configuration`);
  };
  const now = refuse("clock");
  Math.random = refuse("random numbers");
  globalThis.Date = class Date extends globalThis.Date {
    constructor(...parts) {
      super(...(parts.length === 0 ? [now()] : parts));
    }
    static now() {
      return now();
    }
  };
  globalThis.performance = { now };
}

// Before the plugin's own code: a module runs after what it imports.
forbidWhatIsNotThere();
