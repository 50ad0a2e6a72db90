import { addressOf, roomInAddress, socketsAt, tame } from "./address.js";
import { Device } from "./device.js";
import { $, copies, make, say } from "./dom.js";
import { Hubbub, roomProblem } from "../hubbub.js";
import { numbersIn } from "./numbers.js";
import { recipes } from "./recipes.js";
import "./state.js";
import { themeButton } from "./theme.js";
import { visitor } from "./visitor.js";
import { errorInWords, gapInWords } from "./words.js";

// The devices page: one room, whatever numbers come into it.

const REPLAY = 500; // messages that are drawn on entering
const MOST = 64; // cards
const DRAW_EVERY = 250; // milliseconds

let hub = null;
let room = null;
let known = {};
let devices = new Map(); // name → Device
let cards = 0;
let left = 0; // fields for which there was no room
let caughtUpTimer;

themeButton();

function watch(name) {
  room?.leave();
  clearTimeout(caughtUpTimer);
  devices = new Map();
  cards = left = 0;
  known = { joined: false };
  $("devices").replaceChildren();
  $("more").hidden = true;
  $("title-room").hidden = false;
  $("room-name").textContent = $("room").value = name;
  document.title = `Devices in ${tame(name)} · Hubbub`;
  if (roomInAddress() !== name) history.replaceState(null, "", addressOf(name));
  $("talk").hidden = false;
  $("talk").href = `.${addressOf(name)}`;
  showProblem(null);
  say($("notice"), "");
  showRecipes(name);

  if (!hub) {
    hub = new Hubbub(socketsAt, { client: visitor() });
    $("state").hub = hub;
    hub.on("state", ({ name }) => name !== "live" && know({ joined: false, caughtUp: null }));
    setInterval(draw, DRAW_EVERY);
  }
  room = hub.join(name, { last: REPLAY });
  room.on("joined", ({ resumed, behind }) => know({ joined: true, refused: false, behind: resumed ? behind : 0, caughtUp: null }));
  room.on("caughtup", (how) => {
    know({ behind: 0, caughtUp: how });
    clearTimeout(caughtUpTimer);
    caughtUpTimer = setTimeout(() => know({ caughtUp: null }), 30_000);
  });
  room.on("message", onMessage);
  room.on("gap", (gap) => say($("notice"), gapInWords(gap)));
  room.on("error", (error) => {
    know({ refused: error.retryAfter === undefined });
    say($("notice"), errorInWords(error));
  });
  know({});
}

function know(more) {
  known = { ...known, ...more };
  $("state").show(known);
  showBlank();
}

function onMessage(message) {
  const numbers = numbersIn(message);
  if (numbers.length === 0) return;
  let device = devices.get(message.from);
  if (!device) {
    if (cards >= MOST) return void left++;
    device = new Device(message.from);
    devices.set(message.from, device);
    $("devices").append(device.element);
  }
  for (const [field, value] of numbers) {
    const before = device.cards.size;
    if (!device.add(field, message.time, value, cards < MOST)) left++;
    cards += device.cards.size - before;
  }
}

function draw() {
  if (document.hidden) return;
  const now = Date.now();
  for (const device of devices.values()) device.draw(now);
  $("more").hidden = left === 0;
  say($("more"), `There are more fields than the ${MOST} that are drawn.`);
  showBlank();
}

function showBlank() {
  $("blank").hidden = !known.joined || devices.size > 0;
}

function showRecipes(name) {
  $("recipes").replaceChildren(
    ...recipes(name).map(({ name, hint, text }) => {
      const title = make("h3", "", name, " ", make("span", "count", hint));
      const copy = make("button", "small", "Copy");
      copy.type = "button";
      copy.setAttribute("aria-label", `Copy the lines for ${name}`);
      copies(copy, () => text);
      const lines = make("pre", "", text);
      lines.tabIndex = 0;
      return make("article", "recipe panel", make("header", "", title, copy), lines);
    }),
  );
}

function showProblem(problem) {
  say($("room-problem"), problem ?? "");
  $("room").setAttribute("aria-invalid", String(problem !== null));
}

$("watch").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("room").value.trim();
  const problem = roomProblem(name);
  showProblem(problem);
  if (problem) $("room").focus();
  else if (name !== room?.name) watch(name);
});

addEventListener("hashchange", () => {
  const name = roomInAddress();
  if (name !== room?.name && roomProblem(name) === null) watch(name);
});

if (roomProblem(roomInAddress()) === null) {
  watch(roomInAddress());
} else {
  $("room").value = "lab";
  showRecipes("lab");
  $("room").focus();
}
