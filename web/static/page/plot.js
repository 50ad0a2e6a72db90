import { timeOfDay } from "./words.js";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
let library; // uPlot is fetched with the first plot

/**
 * <hub-plot> draws lines over time: show(times in seconds, [{hue, values, label}]). It is a picture: the figures stand beside it
 * in words, and say(words) names it for who cannot see it. An element .readout beside it tells what the pointer is at. With the
 * attribute zero the plot begins at zero, and is one high at least.
 */
class Plot extends HTMLElement {
  #plot = null;
  #shape = ""; // what the plot was made for: lines and colours
  #data = null;
  #lines = [];
  #frame = null;

  connectedCallback() {
    this.setAttribute("role", "img");
    this.ariaLabel ||= "Plot";
    new ResizeObserver(() => this.#resize()).observe(this);
    addEventListener("themechange", () => this.#anew());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#anew());
  }

  say(words) {
    if (this.ariaLabel !== words) this.ariaLabel = words;
  }

  show(times, lines) {
    this.#lines = lines;
    this.#data = [times, ...lines.map(({ values }) => values)];
    this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  async #draw() {
    library ??= import("../vendor/uplot.js");
    const { default: UPlot } = await library;
    this.#frame = null;
    if (!this.isConnected || !this.#data) return;
    const shape = this.#lines.map(({ hue }) => hue).join();
    if (!this.#plot || shape !== this.#shape) {
      this.#plot?.destroy();
      this.#shape = shape;
      this.#plot = new UPlot(this.#options(UPlot), this.#data, this);
    } else {
      this.#plot.setData(this.#data);
    }
  }

  #anew() {
    this.#shape = null;
    if (this.#data) this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  #resize() {
    if (this.clientWidth > 0) this.#plot?.setSize({ width: this.clientWidth, height: this.clientHeight });
  }

  /** A token's colour as a canvas takes it. */
  #colour(token) {
    this.style.color = `var(${token})`;
    const { color } = getComputedStyle(this);
    this.style.color = "";
    return color;
  }

  #options(UPlot) {
    const faint = this.#colour("--faint");
    const line = this.#colour("--line");
    const font = `11px ${getComputedStyle(this).fontFamily}`;
    const axis = { stroke: faint, font, ticks: { show: false }, grid: { stroke: line, width: 1 } };
    const times = (_, splits, __, ___, step) => splits.map((at) => (step < 60 ? clock : { format: timeOfDay }).format(at * 1000));
    return {
      width: this.clientWidth || 300,
      height: this.clientHeight || 144,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
      scales: { y: { range: (_, low, high) => range(low, high, this.hasAttribute("zero")) } },
      axes: [
        { ...axis, values: times, space: 80, size: 24, grid: { show: false } },
        { ...axis, size: 52, space: 32, values: (_, splits) => splits.map(short) },
      ],
      series: [
        {},
        ...this.#lines.map(({ hue }) => {
          const stroke = this.#colour(`--hue-${hue % 8}`);
          return { stroke, width: 1.75, fill: this.#lines.length === 1 ? faded(stroke) : undefined, points: { show: () => this.#data[0].length < 2 }, spanGaps: false, paths: UPlot.paths.linear() };
        }),
      ],
      hooks: { setCursor: [(plot) => this.#tell(plot.cursor.idx)] },
    };
  }

  #tell(index) {
    const readout = this.parentElement?.querySelector(".readout");
    if (!readout) return;
    const values = index === null || index === undefined ? [] : this.#lines.map(({ values }) => values[index]).filter((value) => value !== null && value !== undefined);
    readout.textContent = values.length === 0 ? "" : `${values.slice(0, 4).map(short).join(" · ")} at ${clock.format(this.#data[0][index] * 1000)}`;
  }
}

/** The y axis: some room around the line, zero when it is near, and never a height of nothing. Counts begin at zero. */
function range(low, high, zero) {
  if (low === null || high === null || !Number.isFinite(high - low)) return [0, 1];
  if (zero) return [0, Math.max(1, high * 1.1)];
  const span = high - low || Math.abs(high) || 1;
  const bottom = low >= 0 && low < span * 1.5 ? 0 : low - span * 0.1;
  return [bottom, high + span * 0.1];
}

const faded = (colour) => colour.replace(/^rgba?\(([^)]+?)\)$/, (all, parts) => (parts.includes("/") ? all : `rgb(${parts.split(",").slice(0, 3).join(",")}, 0.1)`));

const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });

/** A number in few characters. */
export const short = (value) => (Math.abs(value) > 0 && Math.abs(value) < 0.001 ? value.toExponential(1) : SHORT.format(value));

customElements.define("hub-plot", Plot);
