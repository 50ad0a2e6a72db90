import { Hubbub, newKey } from "./hubbub.js";
import { Log, avatar, make } from "./log.js";
import { sizeInWords } from "./payload.js";
import { Roster } from "./roster.js";
import { byteLength, clientProblem, roomProblem } from "./rules.js";
import { errorInWords, messages, stateInWords } from "./words.js";

// The page: the door (a name and a room), and the room behind it. What is on the wire is hubbub.js's business.

const $ = (id) => document.getElementById(id);

const REPLAY = 50; // messages one sees on entering
const CAUGHT_UP_SHOWN = 30_000; // for how long the state says what was caught up with
const NEARLY_FULL = 0.8; // of the hub's limit: from here on the size is shown

const socketsAt = new URL("ws", document.baseURI);
socketsAt.protocol = socketsAt.protocol === "https:" ? "wss:" : "ws:";
socketsAt.hash = socketsAt.search = "";

const log = new Log({ box: $("log"), list: $("list"), pending: $("pending"), trimmed: $("trimmed"), jump: $("jump") });

let hub = null;
let room = null;
let roster = null;
let known = {}; // about the room: {joined, refused, behind, caughtUp}
let unread = 0;
let caughtUpTimer;
let busyTimer;
let warnedOfLeaving = false;

// ---- what is remembered -----------------------------------------------------------------------------------------

// Storage can be switched off; then nothing is remembered, and that is all.
function remember(storage, key, value) {
  try {
    if (value === null) globalThis[storage].removeItem(key);
    else globalThis[storage].setItem(key, value);
  } catch {}
}

function recall(storage, key) {
  try {
    return globalThis[storage].getItem(key) ?? "";
  } catch {
    return "";
  }
}

function roomInAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return location.hash.slice(1);
  }
}

const addressOf = (name) => `#${encodeURIComponent(name).replace(/%40/g, "@").replace(/%2F/g, "/")}`;

// ---- the door ---------------------------------------------------------------------------------------------------

function showDoor() {
  $("chat").hidden = true;
  $("door").hidden = false;
  document.title = "Hubbub";
  $("name").value = recall("localStorage", "hubbub.name");
  $("room").value = roomInAddress() || "lobby";
  showAddress();
  ($("name").value ? $("room") : $("name")).focus();
}

function showAddress() {
  const name = $("room").value.trim();
  const query = roomProblem(name) ? "" : `?room=${encodeURIComponent(name)}`;
  $("address").textContent = `${socketsAt.href}/my-device${query}`;
}

function setProblem(field, problem) {
  $(`${field}-problem`).textContent = problem ?? "";
  $(field).toggleAttribute("aria-invalid", problem !== null);
  if (problem !== null) $(field).setAttribute("aria-invalid", "true");
}

$("room").addEventListener("input", showAddress);

$("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("name").value.trim();
  const roomName = $("room").value.trim();
  setProblem("name", clientProblem(name));
  setProblem("room", roomProblem(roomName));
  const wrong = document.querySelector("#enter [aria-invalid]");
  if (wrong) return wrong.focus();
  remember("localStorage", "hubbub.name", name);
  enter(name, roomName);
});

// ---- in and out -------------------------------------------------------------------------------------------------

function enter(name, roomName) {
  remember("sessionStorage", "hubbub.inside", name); // a reload of the page goes straight in again
  hub = new Hubbub(socketsAt, { client: name });
  hub.on("state", onState);
  hub.on("error", (error) => notice(errorInWords(error)));
  $("door").hidden = true;
  $("chat").hidden = false;
  join(roomName);
  $("text").focus();
}

function join(name) {
  roster?.stop();
  room?.leave();
  if (roomInAddress() !== name) history.replaceState(null, "", addressOf(name));
  known = { joined: false };
  unread = 0;
  log.clear(hub.client);
  notice(null);
  $("empty").hidden = true;
  $("room-name").textContent = name;
  showPeople({ count: 0, members: [] });
  showTitle();

  room = hub.join(name, { last: REPLAY, presence: true });
  roster = new Roster(room);
  roster.on("change", showPeople);
  room.on("joined", onJoined);
  room.on("message", onMessage);
  room.on("gap", (gap) => log.gap(gap));
  room.on("caughtup", onCaughtUp);
  room.on("error", onRefused);
  onState(hub.state);
}

function leave() {
  if (hub.unacked > 0 && !warnedOfLeaving) {
    warnedOfLeaving = true;
    return notice(`${messages(hub.unacked)} not sent yet. Leave again to leave without sending.`);
  }
  remember("sessionStorage", "hubbub.inside", null);
  roster.stop();
  hub.close();
  hub = room = roster = null;
  clearTimeout(caughtUpTimer);
  clearInterval(countdown);
  showDoor();
}

$("leave").addEventListener("click", leave);

addEventListener("beforeunload", (event) => {
  if (hub?.unacked > 0) event.preventDefault(); // the browser asks
});

addEventListener("hashchange", () => {
  const name = roomInAddress();
  if (!hub) {
    $("room").value = name || "lobby";
    showAddress();
  } else if (name !== room.name && roomProblem(name) === null) {
    join(name);
  }
});

// ---- the connection, in words -----------------------------------------------------------------------------------

let countdown;

function onState(state) {
  if (state.name !== "live") known = { ...known, joined: false, caughtUp: null };
  log.offline = state.name !== "live";
  clearInterval(countdown);
  if (state.retryAt !== null) countdown = setInterval(showNext, 1000);
  showState();
}

function onJoined({ resumed, behind, position }) {
  known = { joined: true, refused: false, behind: resumed ? behind : 0, caughtUp: null };
  log.busy = true; // what one finds on entering, or catches up with, needs no reading aloud
  if (!resumed) {
    $("empty").hidden = position.offset > 0;
    notBusySoon();
  }
  notice(null);
  showState();
}

function onCaughtUp(how) {
  notBusySoon();
  known = { ...known, behind: 0, caughtUp: how };
  clearTimeout(caughtUpTimer);
  caughtUpTimer = setTimeout(() => {
    known = { ...known, caughtUp: null };
    showState();
  }, CAUGHT_UP_SHOWN);
  showState();
}

function notBusySoon() {
  clearTimeout(busyTimer);
  busyTimer = setTimeout(() => (log.busy = false), 500);
}

function onRefused(error) {
  const later = error.code === "unavailable" || error.code === "rate_limited";
  if (!later) known = { ...known, refused: true };
  notice(errorInWords(error));
  showState();
}

function showState() {
  const { tone, text } = stateInWords(hub.state, known);
  $("state").dataset.tone = tone;
  $("people-when").textContent = hub.state.name === "live" ? "Here now" : "Last seen here";
  if ($("state-text").textContent !== text) $("state-text").textContent = text;
  showNext();
}

/** Stands beside the state and not in it, so that a screen reader does not count the seconds aloud. */
function showNext() {
  const { name, retryAt } = hub.state;
  const seconds = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  let text = "";
  if (name === "offline" || name === "connecting") {
    if (retryAt !== null) text = seconds > 0 ? `next try in ${seconds} s` : "trying again";
    else if (name === "offline") text = "trying again";
  }
  $("state-next").textContent = text;
  $("again").hidden = !(seconds > 2 || name === "refused");
  $("again").textContent = name === "refused" ? "Connect again" : "Try now";
}

$("again").addEventListener("click", () => {
  hub.retry();
});

function notice(text) {
  $("notice").hidden = text === null;
  $("notice-text").textContent = text ?? "";
}

$("notice-close").addEventListener("click", () => {
  notice(null);
  $("text").focus();
});

// ---- messages ---------------------------------------------------------------------------------------------------

function onMessage(message) {
  $("empty").hidden = true;
  log.message(message);
  if (document.hidden) unread++;
  showTitle();
}

function showTitle() {
  // A title is no place for marks that turn the text around them.
  const name = room ? room.name.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "") : "";
  const title = `${unread > 0 ? `(${unread}) ` : ""}${name} · Hubbub`;
  if (room && document.title !== title) document.title = title;
}

document.addEventListener("visibilitychange", () => {
  unread = 0;
  showTitle();
});

function send(text) {
  const here = room;
  const key = newKey();
  const publish = () => {
    item.wait();
    here.publish(text, { key }).then(
      (position) => item.sent(position),
      (error) => item.fail(errorInWords(error)),
    );
  };
  const item = log.sending({ key, text, retry: publish, discard: () => item.remove() });
  $("empty").hidden = true;
  warnedOfLeaving = false;
  publish();
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.replace(/\p{Surrogate}/gu, "\ufffd");
  if (text.trim() === "" || tooLong(text)) return;
  send(text);
  $("text").value = "";
  onInput();
  $("text").focus();
});

$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return; // 229: Safari, while composing
  event.preventDefault();
  $("composer").requestSubmit();
});

$("text").addEventListener("input", onInput);

function onInput() {
  const { value } = $("text");
  // Only where the stylesheet cannot do it (field-sizing).
  if (!CSS.supports("field-sizing", "content")) $("text").rows = Math.min(8, value.split("\n").length);
  tooLong(value);
}

/** Says so, and returns true, if the hub would not take it. */
function tooLong(text) {
  const limit = hub.limits.message;
  let problem = "";
  let over = false;
  // One character is six bytes at most as it is sent; shorter ones need not be measured at every key.
  if (byteLength(text) * 6 + 1024 > limit * NEARLY_FULL) {
    const size = room.sizeOf(text);
    over = size > limit;
    if (over) problem = `Too long: ${sizeInWords(size)} as it is sent, and this hub takes ${sizeInWords(limit)}. Shorten it, or send it in parts.`;
    else if (size > limit * NEARLY_FULL) problem = `${sizeInWords(size)} of ${sizeInWords(limit)}`;
  }
  if ($("too-long").textContent !== problem) $("too-long").textContent = problem;
  if (over) $("text").setAttribute("aria-invalid", "true");
  else $("text").removeAttribute("aria-invalid");
  return over;
}

// ---- who is here ------------------------------------------------------------------------------------------------

function showPeople({ count, members }) {
  $("people-count").textContent = $("people-count-button").textContent = count > 0 ? count.toLocaleString("en") : "";
  $("people-list").replaceChildren(...members.map(person));
  $("people-more").hidden = count <= members.length;
  $("people-more").textContent = `and ${(count - members.length).toLocaleString("en")} more`;
}

function person({ client, connections }) {
  const element = make("li");
  const name = make("bdi", "from", client);
  element.append(avatar(client), name);
  if (client === hub?.client) element.append(make("span", "you", "you"));
  if (connections > 1) element.append(make("span", "faint", `×${connections}`));
  return element;
}

function togglePeople(open) {
  $("people").classList.toggle("open", open);
  $("people-button").setAttribute("aria-expanded", String(open));
}

$("people-button").addEventListener("click", () => togglePeople(!$("people").classList.contains("open")));
addEventListener("keydown", (event) => {
  if (event.key === "Escape") togglePeople(false);
});

// ---- the link ---------------------------------------------------------------------------------------------------

$("share").addEventListener("click", async () => {
  const copied = await copy(location.href);
  $("share").textContent = copied ? "Link copied" : "Could not copy";
  setTimeout(() => ($("share").textContent = "Share"), 2500);
});

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard on a page that came over plain http: the old way.
    const field = make("textarea", "unseen", text);
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

// ---- begin ------------------------------------------------------------------------------------------------------

const inside = recall("sessionStorage", "hubbub.inside");
if (inside && clientProblem(inside) === null && roomInAddress() && roomProblem(roomInAddress()) === null) {
  enter(inside, roomInAddress());
} else {
  showDoor();
}
