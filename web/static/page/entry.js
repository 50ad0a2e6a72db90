// A message or a note as an element.
import { avatar, button, icon, make, named } from "./dom.js";
import { onlyEmoji } from "./emoji.js";
import { clip, describe } from "./payload.js";
import { dayKey, dayName, exactTime, gapInWords, isoTime, messages, number, timeOfDay } from "./words.js";

const TOGETHER = 5 * 60_000; // messages of one sender so close to each other share one head
const LONG = 1_500; // characters, or
const TALL = 24; // lines, from which on a message is folded

/** The elements of an item that stands behind another one: a day and the mark in front of it, if they belong there. */
export function elements(item, before, { mark, render }) {
  if (item.type === "gap") return [note(gapInWords(item), item.reason === "epoch" ? "anew" : "gap")];
  const list = [];
  const newDay = dayKey(item.time) !== (before ? dayKey(before.time) : dayKey(Date.now()));
  if (newDay) list.push(note(dayName(item.time), "day"));
  if (mark) list.push(note("New", "new"));
  const element = entry(item, render);
  element.classList.toggle("follows", !newDay && !mark && follows(before, item));
  if (item.own) {
    element.dataset.state = "sent";
    element.querySelector(".line").append(make("p", "status", sentMark()));
  }
  list.push(element);
  return list;
}

export function follows(before, item) {
  return before?.type === "message" && before.from === item.from && Math.abs(item.time - before.time) < TOGETHER;
}

function note(text, kind) {
  return make("p", `note ${kind}`, make("span", "", text));
}

function sentMark() {
  const mark = make("span", "mark", icon("M5 13l4 4L19 7"), make("span", "unseen", "Sent"));
  mark.title = "The hub has stored it";
  return mark;
}

function entry(item, render) {
  const element = make("article", item.own ? "entry own" : "entry");
  const face = avatar(item.from);
  element.dataset.hue = face.dataset.hue;
  const time = make("time", "", timeOfDay(item.time));
  time.dateTime = isoTime(item.time);
  time.title = exactTime(item.time);
  const small = time.cloneNode(true);
  small.className = "aside-time";
  small.setAttribute("aria-hidden", "true");
  const head = make("header", "head", named(item.from, "from clip"), item.own ? make("span", "tag", "you") : "", time);
  element.append(face, head, small, make("div", "line", body(item, render)));
  return element;
}

/** Our own message that has no place yet. actions: retry and discard. */
export function draftElement(draft, me, render, actions) {
  const element = entry({ from: me, time: draft.time, own: true, kind: "text", data: draft.text }, render);
  element.lastChild.append(make("p", "status"));
  element.update = (offline, before) => {
    const state = draft.state === "sending" && offline ? "waiting" : draft.state;
    element.classList.toggle("follows", follows(before, { from: me, time: draft.time }));
    if (element.dataset.state === state) return;
    element.dataset.state = state;
    element.querySelector(".status").replaceChildren(...status(state, draft.why, actions));
  };
  return element;
}

function status(state, why, { retry, discard }) {
  if (state === "sending") return ["Sending…"];
  if (state === "waiting") return ["Waiting for the connection"];
  if (state === "sent") return [sentMark()];
  return [make("span", "", `Not sent. ${why}`), button("Retry", retry), button("Discard", discard)];
}

// ---- what was said --------------------------------------------------------------------------------------------------

function body(item, render) {
  const { kind, label, text } = describe(item);
  const box = make("div", `body ${kind}`, label ? make("p", "label", label) : "");
  if (kind !== "text") return plain(box, make("pre", "words data"), text);
  const rendered = render(text);
  if (!rendered) return plain(box, make("p", "words plain"), text);
  const length = rendered.textContent.length;
  const lines = rendered.textContent.split("\n", TALL + 1).length;
  const words = make("div", "words", rendered);
  words.dir = "auto";
  if (onlyEmoji(text)) words.classList.add("big");
  box.append(words);
  if (length > LONG || lines > TALL) fold(box, words, "Show all of it");
  return box;
}

function fold(box, words, label) {
  words.classList.add("folded");
  const more = button(label, () => {
    words.classList.remove("folded");
    more.remove();
  });
  box.append(more);
}

/** Text as it is. What is long is cut, so that it costs nothing before someone wants it. */
function plain(box, words, text) {
  words.dir = "auto";
  box.append(words);
  const lines = text.split("\n", TALL + 1);
  if (text.length <= LONG && lines.length <= TALL) {
    words.textContent = text;
    return box;
  }
  words.textContent = `${clip(lines.slice(0, TALL).join("\n"), LONG)} …`;
  const more = button(`Show all ${number(text.length)} characters`, () => {
    words.textContent = text;
    more.remove();
  });
  box.append(more);
  return box;
}

/** What is read aloud of new messages. */
export function aloud(items) {
  const said = items.filter((item) => item.type === "message" && !item.own);
  const gaps = items.filter((item) => item.type === "gap").map(gapInWords);
  const words = said.length > 3 ? [`${messages(said.length)}`] : said.map((item) => `${item.from}: ${clip(describe(item).text, 300)}`);
  return [...gaps, ...words].join(". ");
}
