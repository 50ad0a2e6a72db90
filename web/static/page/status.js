import { socketsAt } from "./address.js";
import { $, make, named, say } from "./dom.js";
import { Board } from "./figures.js";
import { Hubbub } from "../hubbub.js";
import { sizeInWords } from "./payload.js";
import { short } from "./plot.js";
import "./state.js";
import { themeButton } from "./theme.js";
import { visitor } from "./visitor.js";
import { number } from "./words.js";

// The status page: the hub shows itself through itself.

const board = new Board();
const plots = [...document.querySelectorAll("hub-plot")];
const FIGURES = plots.map(({ dataset }) => dataset.figure);

const hub = new Hubbub(socketsAt, { client: visitor() });
$("state").hub = hub;
const room = hub.join("$status");
let known = { joined: false };
room.on("joined", () => know({ joined: true, refused: false }));
room.on("error", () => know({ refused: true }));
hub.on("state", ({ name }) => name !== "live" && know({ joined: false }));
room.on("signal", ({ from, data }) => board.hear(from, scaled(data), Date.now()));

function know(more) {
  known = { ...known, ...more };
  $("state").show(known);
}

/** KiB are what the plot of what was sent is in. */
const scaled = (data) => (Number.isFinite(data?.bytes_out) ? { ...data, bytes_out: data.bytes_out / 1024 } : data);

themeButton();
setInterval(tick, 1000);

function tick() {
  const now = Date.now();
  board.tick(now, FIGURES);
  showAll(now);
  showInstances(now);
  for (const plot of plots) {
    plot.show(board.times, board.lines(plot.dataset.figure));
    plot.say(`${plot.closest("article").querySelector("h2").textContent}: ${inWords(plot.dataset.figure)}`);
  }
}

// The finest range ends at a millisecond: below it there is nothing to tell apart.
const milliseconds = (value) => (value === null ? "–" : value < 1 ? "< 1 ms" : `${short(Number(value.toPrecision(2)))} ms`);
const rate = (value) => (value === null ? "–" : short(value));

function inWords(figure) {
  const each = [...board.instances.values()].map(({ name, now }) => `${name} ${rate(now?.[figure] ?? null)}`);
  return each.join(", ") || "nothing yet";
}

function showAll(now) {
  const all = board.all(now);
  const heard = all.speaking > 0;
  say($("all-connections"), heard ? number(all.connections) : "–");
  // Instances may have the same rooms: there are as many as the one with the most has, at least.
  say($("all-rooms"), heard ? `${all.speaking > 1 ? "≥ " : ""}${number(all.rooms)}` : "–");
  say($("all-published"), heard ? rate(all.published) : "–");
  say($("all-delivered"), heard ? rate(all.delivered) : "–");
  say($("all-p99"), milliseconds(all.p99));
  say($("all-slow"), heard ? number(all.slow) : "–");
  $("all-slow").parentElement.classList.toggle("warn", all.slow > 0);
}

function showInstances(now) {
  const instances = [...board.instances.values()];
  $("key").hidden = instances.length < 2;
  if (instances.length === 0) return;
  $("key").replaceChildren(...instances.map(({ name, hue }) => hued(make("li", "", named(name, "clip")), hue)));
  $("instances").replaceChildren(...instances.map((instance) => row(instance, now)));
}

function hued(element, hue) {
  element.dataset.hue = hue % 8;
  return element;
}

function row(instance, now) {
  const { name, now: is } = instance;
  const silent = instance.silent(now);
  const cells = [
    silent ? `silent for ${Math.round((now - instance.heard) / 1000)} s` : "now",
    since(is.uptime), number(is.connections), number(is.rooms), number(is.members), rate(is.published), rate(is.delivered),
    milliseconds(is.p50), milliseconds(is.p99), number(is.slow), number(is.allGaps), sizeInWords(is.logs),
  ].map((text, i) => make("td", i === 0 ? "heard" : "", text));
  const head = make("th", "", named(name));
  head.scope = "row";
  return make("tr", silent ? "silent" : "", head, ...cells);
}

function since(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}
