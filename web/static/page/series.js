// One field of one device over time.

const KEPT = 1_200; // points
const WINDOW = 10; // seconds over which the rate is taken

export class Series {
  times = []; // seconds, by the hub's clock, ascending
  values = [];

  constructor(name) {
    this.name = name;
  }

  add(time, value) {
    // A clock that was set back must not draw backwards.
    const at = Math.max(time / 1000, this.times.at(-1) ?? 0);
    this.times.push(at);
    this.values.push(value);
    if (this.times.length <= KEPT) return;
    this.times.shift();
    this.values.shift();
  }

  get last() {
    return this.values.at(-1);
  }

  get extremes() {
    let [low, high] = [Infinity, -Infinity];
    for (const value of this.values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return [low, high];
  }

  /** Values a second up to the newest one; null if one cannot tell. */
  get rate() {
    const end = this.times.at(-1);
    let i = this.times.length - 1;
    while (i > 0 && end - this.times[i - 1] <= WINDOW) i--;
    if (i === this.times.length - 1 && i > 0) i--; // slower than the window: from the one before
    const span = end - this.times[i];
    return span > 0 ? (this.times.length - 1 - i) / span : null;
  }
}
