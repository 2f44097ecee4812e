// What changed from snapshot to snapshot: rates, and the last two minutes.

/** Snapshots kept: two minutes of one a second. */
const ROOM = 120;

/** Rates are those of the last seconds: steadier than one second's, still quick to show a stop. */
const WINDOW_MS = 5000;

/** The history of one pipeline, or of all together. */
export class History {
  #samples = [];

  add(sample) {
    const last = this.#samples.at(-1);
    // A gateway that started anew counts from zero again: what was before says nothing about it.
    if (last && (sample.at < last.at || sample.records < last.records)) this.#samples = [];
    if (last && sample.at === last.at) return;
    this.#samples.push(sample);
    if (this.#samples.length > ROOM + 1) this.#samples.shift();
  }

  /** How fast `what` (records, bytes, rows) grows, in a second; null while that is not known. */
  rate(what) {
    const newest = this.#samples.at(-1);
    const since = this.#samples.findLast((s) => newest.at - s.at >= WINDOW_MS) ?? this.#samples[0];
    return newest === since ? null : slope(since, newest, what);
  }

  /** The same from each snapshot to the next. */
  rates(what) {
    return this.#samples.slice(1).map((sample, i) => slope(this.#samples[i], sample, what));
  }

  values(what) {
    return this.#samples.slice(1).map((sample) => sample[what] ?? 0);
  }
}

const slope = (from, to, what) => Math.max(0, ((to[what] - from[what]) * 1000) / (to.at - from.at));

/** The oldest and the number of what is not settled; null where no partition knows. */
export function lag(partitions) {
  const sum = (values) => (values.length ? values.reduce((a, b) => a + b, 0) : null);
  const known = (what) => partitions.map((p) => p[what]).filter((v) => v != null);
  const seconds = known("lag_seconds");
  return { records: sum(known("lag_records")), seconds: seconds.length ? seconds.reduce((a, b) => Math.max(a, b), 0) : null };
}

/** Histories of all pipelines by name, and of all together. */
export class Histories {
  all = new History();
  #named = new Map();

  of(name) {
    if (!this.#named.has(name)) this.#named.set(name, new History());
    return this.#named.get(name);
  }

  add(snapshot) {
    const total = { at: snapshot.now_ms, records: 0, bytes: 0, rows: 0, lag: 0 };
    for (const pipeline of snapshot.pipelines) {
      const sample = {
        at: snapshot.now_ms,
        records: pipeline.records_consumed,
        bytes: pipeline.bytes_consumed,
        rows: pipeline.rows_committed,
        lag: lag(pipeline.partitions).records ?? 0,
      };
      this.of(pipeline.name).add(sample);
      for (const what of ["records", "bytes", "rows", "lag"]) total[what] += sample[what];
    }
    this.all.add(total);
  }
}
