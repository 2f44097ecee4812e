/** What becomes of a record. */
export interface Verdict {
  readonly verdict: number;
}

/** Text, bytes, `null` for a tombstone; anything else becomes JSON. */
export type Value = string | Uint8Array | null | object | number | boolean;

export interface OutputOptions {
  /** Another key than the record's; `null` for none. */
  key?: Value;
}

export interface Output {
  readonly value: string | Uint8Array | null;
}

export type Column = "values" | "keys" | "headers" | "offsets" | "timestamps";

export interface Record {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number | null;
  /** Milliseconds since 1970. */
  readonly timestamp: number | null;
  /** `null` for a tombstone. */
  readonly value: Uint8Array | null;
  readonly key: Uint8Array | null;
  /** The value as text. Bytes that are no UTF-8 reject the record. */
  text(): string | null;
  /** The value as JSON. A tombstone, or what is no JSON, rejects the record. Numbers beyond 2^53 lose digits. */
  json(): any;
  keyText(): string | null;
  /** In order; a name may come twice. */
  headers(): { name: string; value: Uint8Array | null }[];
  /**
   * Sends the record to `table`, whether it is kept or replaced; all of its outputs go there. The last call counts. The plugin's `routes` must
   * be true. `table` is one of the pipeline's `more_tables`, named as Snowflake names it; a record that is sent to another is rejected.
   */
  routeTo(table: string): void;
  /** The text of the first header of that name. */
  header(name: string): string | null;
}

export interface Plugin<State> {
  name: string;
  version: string;
  /** The columns it reads; `["values"]` unless it says otherwise. The others are not sent. */
  needs?: Column[];
  /** Whether it sends records to tables with `routeTo`. */
  routes?: boolean;
  /** A JSON Schema of its options, for tools. */
  configSchema?: object;
  /**
   * Once for each instance; what it returns is handed to `transform`. `tables` are the pipeline's `more_tables`. An
   * error stops the gateway at start, with its message.
   */
  configure?(config: any, tables: string[]): State;
  transform(record: Record, state: State): Verdict;
}

/** The interface `transform`, for the line `export const transform = plugin({ … })`. */
export function plugin<State>(plugin: Plugin<State>): object;

/** The record goes on as it is. */
export function keep(): Verdict;
/** The record goes no further. */
export function drop(): Verdict;
/** `value` stands in for the record. */
export function replace(value: Value, options?: OutputOptions): Verdict;
/** Several outputs stand in for the record; all of their rows are loaded together, or none is. */
export function split(outputs: (Value | Output)[]): Verdict;
/** One output of a `split` with a key of its own. */
export function output(value: Value, options?: OutputOptions): Output;
/** The record becomes a dead letter with this message. */
export function reject(message: string): Verdict;

/** Thrown, it rejects the record. Any other error is taken for a fault of the plugin's. */
export class Reject extends Error {}

/** Lines for the gateway's log, under the plugin's name. Do not log records. */
export const log: { [level in "trace" | "debug" | "info" | "warn" | "error"]: (line: string) => void };

/** Adds to one of the plugin's counters, such as `symbols_unknown`. Never make a name from a record. */
export function count(name: string, n?: number): void;
