import { addressOf, roomInAddress, socketsAt, tame } from "./address.js";
import "./composer.js";
import { onEnter, showDoor } from "./door.js";
import { $, copies, make, named, say } from "./dom.js";
import { Drawer } from "./drawer.js";
import { Hubbub, clientProblem } from "../hubbub.js";
import "./log.js";
import { recall, remember } from "./memory.js";
import "./people.js";
import "./places.js";
import "./state.js";
import { Talks, problemOf } from "./talks.js";
import { themeButton } from "./theme.js";
import { errorInWords, messages, number, typingInWords } from "./words.js";

// The chat: brings together what is on the wire (hubbub.js), what is known of it (talks.js) and what shows it (the elements).

const log = $("log");
const rooms = new Drawer($("side"), $("open-side"));
const people = new Drawer($("people"), $("open-people"), () => {
  remember("localStorage", "hubbub.people", peopleWanted() ? "no" : null);
  showPanel();
  $("open-people").focus();
});

let hub = null;
let talks = null;
let talk = null; // the one that is shown
let offs = []; // what ends our listening to it
let placesTimer = null;

// ---- in and out -------------------------------------------------------------------------------------------------

function enter(name, room) {
  remember("sessionStorage", "hubbub.inside", name); // a reload goes straight in again
  document.documentElement.dataset.inside = "";
  hub = new Hubbub(socketsAt, { client: name });
  hub.on("state", onState);
  hub.on("error", (error) => notice(errorInWords(error)));
  log.offline = true; // until its state says otherwise
  talks = new Talks(hub);
  talks.on("change", showPlacesSoon);
  talks.on("problem", (problem) => problem.talk === talk && notice(problem.words));
  $("state").hub = hub;
  $("side").me = name;
  show(room);
  $("text").focus();
  import("./markdown.js").then(
    ({ render }) => (log.render = render),
    () => {}, // offline since before it came: text is shown as it is
  );
}

function leave() {
  if (hub.unacked === 0) return leaveAnyway();
  say($("unsent-text"), `${messages(hub.unacked)} not sent yet.`);
  $("unsent").showModal();
}

function leaveAnyway() {
  remember("sessionStorage", "hubbub.inside", null);
  unshow();
  hub.close();
  $("state").hub = null;
  hub = talks = null;
  rooms.toggle(false);
  showDoor();
}

function unshow() {
  for (const off of offs) off();
  offs = [];
  talk?.away();
  talk = null;
  log.show(null);
  $("composer").parentElement.show(null, () => Infinity);
}

/** Shows a talk, and opens it if it is new. */
function show(name) {
  if (talk?.name === name) return;
  unshow();
  if (roomInAddress() !== name) history.replaceState(null, "", addressOf(name));
  const next = talks.open(name);
  talk = next;
  offs = [
    talk.on("known", showState),
    talk.on("people", showPeople),
    talk.on("typing", showTyping),
  ];
  const direct = talk.other !== undefined;
  $("talk-name").textContent = talk.other ?? name;
  $("talk-name").previousElementSibling.textContent = direct ? "Direct messages with " : "Room ";
  $("text").placeholder = `Message ${tame(talk.other ?? name)}`;
  $("open-people").hidden = direct;
  for (const link of document.querySelectorAll("[data-plots]")) {
    link.hidden = direct;
    link.href = `devices${addressOf(name)}`;
  }
  showPanel();
  log.emptyText = direct
    ? [make("strong", "", "Nothing was said here yet."), "What you write, ", named(talk.other), " reads when they are here next, and nobody else can."]
    : [make("strong", "", "Nothing was said here yet."), "Say something, or share the link."];
  notice(null);
  log.show(talk);
  $("composer").parentElement.show(talk, () => hub?.limits.message ?? Infinity);
  look();
  showPlaces();
  showState();
  showPeople();
  showTyping();
}

function part({ detail: gone }) {
  const next = talks.beside(gone, -1) ?? talks.beside(gone, 1);
  const shown = gone === talk;
  if (shown && !next) return leave();
  if (shown) show(next.name);
  talks.part(gone);
}

onEnter(enter);
themeButton();
$("leave").addEventListener("click", leave);
$("unsent").addEventListener("close", () => $("unsent").returnValue === "leave" && hub && leaveAnyway());
$("side").addEventListener("part", part);
$("side").addEventListener("go", ({ detail }) => go(detail));
$("side").addEventListener("click", (event) => event.target.closest("a[href^='#']") && rooms.toggle(false));
$("people").addEventListener("click", (event) => event.target.closest("a") && people.toggle(false));

function go(name) {
  show(name);
  rooms.toggle(false);
  $("text").focus();
}

addEventListener("hashchange", () => {
  const name = roomInAddress();
  if (hub && name !== talk?.name && problemOf(name) === null) go(name);
});

addEventListener("keydown", (event) => {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!step || !event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || !talk) return;
  event.preventDefault();
  const next = talks.beside(talk, step);
  if (next) show(next.name);
});

addEventListener("beforeunload", (event) => {
  if (hub?.unacked > 0) event.preventDefault(); // the browser asks
});

// ---- what is shown of it ----------------------------------------------------------------------------------------

/** Whether one sees the end of the talk: then what comes is read. */
function look() {
  talk?.look(!document.hidden && log.atEnd);
}

log.addEventListener("look", look);
document.addEventListener("visibilitychange", () => (document.hidden ? talk?.away() : look()));

function onState({ name }) {
  log.offline = name !== "live";
  if (!talk) return;
  showState();
  showPeople();
}

function showState() {
  $("state").show(talk.known);
}

function showPeople() {
  $("people").show(talk, hub.state.name === "live");
}

const peopleWanted = () => recall("localStorage", "hubbub.people") !== "no";

/** On a wide screen the people stand beside the talk, unless one has closed them. */
function showPanel() {
  const shown = talk.other === undefined && peopleWanted();
  $("chat").classList.toggle("with-people", shown);
}

function showTyping() {
  const parts = typingInWords(talk.typists.names);
  $("typing").replaceChildren(...parts.map((part) => (typeof part === "string" ? part : named(part.name))));
}

/** Many may come at once. Not an animation frame: those do not come while the tab is hidden, and its title tells what is unread. */
function showPlacesSoon() {
  placesTimer ??= setTimeout(showPlaces, 50);
}

function showPlaces() {
  clearTimeout(placesTimer);
  placesTimer = null;
  if (!talk) return;
  $("side").show(talks, talk);
  const { unread } = talks;
  const title = `${unread > 0 ? `(${number(unread)}) ` : ""}${tame(talk.other ?? talk.name)} · Hubbub`;
  if (document.title !== title) document.title = title;
  const elsewhere = unread - talk.unread;
  $("open-side").classList.toggle("unread", elsewhere > 0);
  $("open-side").ariaLabel = elsewhere > 0 ? `Rooms, ${number(elsewhere)} unread` : "Rooms";
}

function notice(text) {
  $("notice").hidden = text === null;
  say($("notice-text"), text ?? "");
}

$("notice-close").addEventListener("click", () => {
  notice(null);
  $("text").focus();
});

for (const share of document.querySelectorAll("[data-share]")) copies(share, () => location.href);

// ---- begin ------------------------------------------------------------------------------------------------------

const inside = recall("sessionStorage", "hubbub.inside");
if (inside && clientProblem(inside) === null && roomInAddress() && problemOf(roomInAddress()) === null) {
  enter(inside, roomInAddress());
} else {
  showDoor();
}
