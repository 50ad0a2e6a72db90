const { results } = JSON.parse(document.getElementById("data").textContent);
const ink = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const drawn = [];

const digits = (v) => (Math.abs(v) >= 100 ? v.toFixed(0) : Math.abs(v) >= 10 ? v.toFixed(1) : v.toFixed(2)).replace(/\.0+$|(\.\d*?)0+$/, "$1");
const scaled = (units) => (v) => {
  if (v == null) return "–";
  for (const [size, name] of units) if (Math.abs(v) >= size) return `${digits(v / size)} ${name}`.trim();
  return v === 0 ? "0" : `${digits(v / units.at(-1)[0])} ${units.at(-1)[1]}`.trim();
};
const time = scaled([[1, "s"], [1e-3, "ms"], [1e-6, "µs"]]);
const memory = scaled([[2 ** 30, "GB"], [2 ** 20, "MB"], [2 ** 10, "KB"], [1, "B"]]);
const amount = scaled([[1e6, "M"], [1e3, "k"], [1, ""]]);
const share = (v) => (v == null ? "–" : `${digits(100 * v)} %`);
const percentile = (x) => (x == null ? "–" : `${(100 * (1 - 10 ** -x)).toFixed(Math.max(0, Math.ceil(x) - 2 + (x % 1 ? 1 : 0)))} %`);
const measured = ["measuring", "holding", "storm"];

/** One plot. lines: [[name, values], …]; told is what it says to those who do not see it. */
function plot(into, caption, { x, lines, show, log = false, showX = (v) => `${digits(v)} s`, ticks, sync, from, incrs }) {
  const some = lines.filter(([, values]) => values.some((v) => v != null && (!log || v > 0)));
  if (some.length === 0 || x.length < 2) return;
  const figure = document.createElement("figure");
  const words = document.createElement("figcaption");
  words.textContent = caption;
  const canvas = document.createElement("div");
  const peaks = some.map(([name, values]) => `${name} up to ${show(values.reduce((a, v) => (v != null && v > a ? v : a), 0))}`);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${caption}: ${peaks.join(", ")}`);
  figure.append(words, canvas);
  into.append(figure);
  const axis = { stroke: ink("--faint"), grid: { stroke: ink("--line"), width: 1 }, ticks: { stroke: ink("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
  const options = {
    width: Math.max(200, canvas.clientWidth),
    height: 240,
    cursor: { sync: sync ? { key: sync } : undefined, y: false },
    scales: { x: { time: false }, y: log ? { distr: 3 } : { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1] } },
    axes: [
      { ...axis, values: (u, list) => list.map((v, i) => (v == null || (ticks && i % Math.ceil((64 * list.length) / u.width)) ? "" : showX(v))), ...(ticks ? { splits: () => ticks } : {}) },
      { ...axis, size: 72, ...(incrs ? { incrs } : {}), values: (_, list) => list.map((v) => (v == null ? "" : show(v))) },
    ],
    hooks: { drawAxes: from == null ? [] : [(u) => mark(u, from)] },
    series: [
      { label: ticks ? "at most" : "at", value: (_, v) => (v == null ? "–" : showX(v)) },
      ...some.map(([label], i) => ({ label, stroke: ink(`--c${i % 4}`), width: 2, points: { show: x.length < 3 }, spanGaps: false, value: (_, v) => show(v) })),
    ],
  };
  const values = some.map(([, list]) => (log ? list.map((v) => (v > 0 ? v : null)) : list));
  drawn.push([new uPlot(options, [x, ...values], canvas), canvas]);
}

/** A line where what is measured begins. */
function mark(u, from) {
  const { ctx, bbox } = u;
  const x = u.valToPos(from, "x", true);
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = ink("--faint")();
  ctx.setLineDash([4, 4]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}

for (const into of document.querySelectorAll("[data-result]")) {
  const number = into.dataset.result;
  const { points, curve, rate } = results[number];
  const at = points.map((p) => p.at);
  const of = (name) => points.map((p) => p[name]);
  const over = { x: at, sync: `result-${number}`, from: points.find((p) => measured.includes(p.phase))?.at };
  plot(into, "Latency over time", { ...over, log: true, show: time, lines: [["p50", of("p50")], ["p90", of("p90")], ["p99", of("p99")], ["max", of("max")]] });
  const finite = curve.filter((s) => s.quantile < 1);
  const top = Math.max(1, ...finite.map((s) => Math.floor(-Math.log10(1 - s.quantile))));
  plot(into, rate ? "Latency distribution, from when a message was due" : "Latency distribution", {
    x: finite.map((s) => -Math.log10(1 - s.quantile)), log: true, show: time, showX: percentile,
    ticks: Array.from({ length: top + 1 }, (_, i) => i), lines: [["latency", finite.map((s) => s.latency)]],
  });
  plot(into, "Throughput, a second", { ...over, show: amount, lines: [["delivered", of("delivered")], ["sent", of("sent")]] });
  plot(into, "CPU", {
    ...over, show: share,
    lines: [["server, of a core", of("server_cpu")], ["client, of a core", of("client_cpu")], ["stolen, of the machine", of("stolen")]],
  });
  plot(into, "Memory for a socket", { ...over, show: memory, incrs: Array.from({ length: 40 }, (_, i) => 2 ** i), lines: [["server", of("socket")]] });
  plot(into, "Connects a second, and sockets", { ...over, show: amount, lines: [["connects", of("connects")], ["open", of("open")]] });
}

addEventListener("resize", () => {
  for (const [u, canvas] of drawn) u.setSize({ width: Math.max(200, canvas.clientWidth), height: 240 });
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const [u] of drawn) u.redraw(false, true);
});
document.documentElement.dataset.drawn = String(drawn.length);
