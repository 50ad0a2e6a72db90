// What instances say of themselves, made into figures a second and percentiles.

const KEPT = 600; // seconds that the plots go back
const SILENT = 3_500; // milliseconds without a word, after which an instance counts as silent
const FORGOTTEN = 60_000;

/** The time that a share q of the counted took at most, in the unit of bounds; null if nothing was counted. Within a range it is
 *  spread evenly; in the last range, which has no end, it is where that begins. */
export function percentile(counts, bounds, q) {
  const total = counts.reduce((sum, n) => sum + n, 0);
  if (total === 0) return null;
  let rank = q * total;
  for (let i = 0; i < counts.length; i++) {
    if (rank > counts[i] || counts[i] === 0) {
      rank -= counts[i];
      continue;
    }
    const low = i === 0 ? 0 : bounds[i - 1];
    return i < bounds.length ? low + (bounds[i] - low) * (rank / counts[i]) : low;
  }
  return bounds.at(-1);
}

const TOTALS = { published: "published", delivered: "delivered", sent: "bytes_out", gaps: "gaps" };
const numbers = (list) => Array.isArray(list) && list.length <= 64 && list.every(Number.isFinite);
const at = (data, key) => (Number.isFinite(data[key]) ? data[key] : 0);

/** One instance, from what it said last and the time before. */
export class Instance {
  heard = 0;
  now = null; // the figures, null before the first word
  #before = null;

  constructor(name, hue) {
    this.name = name;
    this.hue = hue;
  }

  hear(data, time) {
    if (typeof data !== "object" || data === null) return;
    const last = this.#before;
    const restarted = last && at(data, "uptime") < at(last, "uptime");
    // It speaks once a second; what is in between is the way here. A second that got lost counts.
    const seconds = Math.max(1, Math.round((time - this.heard) / 1000));
    const now = {
      uptime: at(data, "uptime"), connections: at(data, "connections"), rooms: at(data, "rooms"), members: at(data, "members"),
      slow: at(data, "slow"), logs: at(data, "log_bytes"), allGaps: at(data, "gaps"), latency: [], bounds: [], p50: null, p99: null,
    };
    for (const [name, key] of Object.entries(TOTALS)) now[name] = last && !restarted ? Math.max(0, at(data, key) - at(last, key)) / seconds : null;
    if (numbers(data.latency) && numbers(data.latency_bounds)) {
      const before = last && !restarted && numbers(last.latency) ? last.latency : [];
      now.latency = last ? data.latency.map((n, i) => Math.max(0, n - (before[i] ?? 0))) : data.latency.map(() => 0);
      now.bounds = data.latency_bounds;
      now.p50 = percentile(now.latency, now.bounds, 0.5);
      now.p99 = percentile(now.latency, now.bounds, 0.99);
    }
    this.now = now;
    this.heard = time;
    this.#before = data;
  }

  silent(time) {
    return time - this.heard > SILENT;
  }
}

/** All instances, and what they said over the last minutes: one row of values a second for each. */
export class Board {
  instances = new Map(); // name → Instance
  times = []; // seconds
  #rows = new Map(); // Instance → {figure → values, as long as times}
  #hues = 0;

  hear(name, data, time) {
    if (this.instances.size >= 64 && !this.instances.has(name)) return;
    if (!this.instances.has(name)) this.instances.set(name, new Instance(name, this.#hues++));
    this.instances.get(name).hear(data, time);
  }

  /** Once a second: writes down what there is. */
  tick(time, figures) {
    for (const [name, instance] of this.instances) {
      if (time - instance.heard > FORGOTTEN) {
        this.instances.delete(name);
        this.#rows.delete(instance);
      }
    }
    this.times.push(time / 1000);
    for (const instance of this.instances.values()) {
      let rows = this.#rows.get(instance);
      if (!rows) this.#rows.set(instance, (rows = Object.fromEntries(figures.map((figure) => [figure, Array(this.times.length - 1).fill(null)]))));
      const now = instance.silent(time) ? null : instance.now;
      for (const figure of figures) rows[figure].push(now?.[figure] ?? null);
    }
    if (this.times.length <= KEPT) return;
    this.times.shift();
    for (const rows of this.#rows.values()) for (const values of Object.values(rows)) values.shift();
  }

  lines(figure) {
    return [...this.#rows].map(([{ name, hue }, rows]) => ({ label: name, hue, values: rows[figure] }));
  }

  /** All instances that speak, together. */
  all(time) {
    const speaking = [...this.instances.values()].filter((instance) => !instance.silent(time)).map(({ now }) => now);
    const sum = (key) => speaking.reduce((total, now) => total + (now[key] ?? 0), 0);
    const bounds = speaking[0]?.bounds ?? [];
    const latency = bounds.concat(0).map((_, i) => speaking.reduce((total, now) => total + (now.latency[i] ?? 0), 0));
    return {
      speaking: speaking.length, connections: sum("connections"), rooms: Math.max(0, ...speaking.map(({ rooms }) => rooms)),
      published: sum("published"), delivered: sum("delivered"), slow: sum("slow"), p99: percentile(latency, bounds, 0.99),
    };
  }
}
