import { badge, clip, describe } from "./payload.js";
import { dayName, exactTime, gapInWords, timeOfDay } from "./words.js";

const KEPT = 2_000; // messages and notes in the page; older ones give way
const TOGETHER = 5 * 60_000; // messages of one sender so close to each other share one head
const LONG = 1_500; // characters, or
const TALL = 24; // lines, from which on a message is folded
const NEAR = 64; // pixels from the end that still count as being there

/**
 * The room's log in the page: messages in the hub's order, notes about holes in their place, and below them our own
 * messages that have no place yet. What arrives is gathered for a moment and put in at once.
 *
 * Everything that came from the network goes in as textContent. There is no other road in this file.
 */
export class Log {
  #me = "";
  #box; // scrolls
  #list; // what has its place
  #pending; // what has none yet: {element, key, from, time, position}
  #waiting = new Map(); // key → what is in #pending
  #queue = [];
  #timer = null;
  #last = null; // {from, time} of the last message in #list, null after a note
  #lastDay = "";
  #unseen = 0;
  #trimmed; // says that older messages gave way
  #jump; // button: to the newest
  #atEnd = true;
  #offline = false;

  constructor({ box, list, pending, trimmed, jump }) {
    this.#box = box;
    this.#list = list;
    this.#pending = pending;
    this.#trimmed = trimmed;
    this.#jump = jump;
    box.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    jump.addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.#atEnd && this.toEnd()).observe(box);
  }

  clear(me) {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#me = me;
    this.#queue = [];
    this.#waiting.clear();
    this.#list.replaceChildren();
    this.#pending.replaceChildren();
    this.#trimmed.hidden = true;
    this.#last = null;
    this.#lastDay = "";
    this.#seeAll();
  }

  message(message) {
    this.#later({ message });
  }

  gap(gap) {
    this.#later({ gap });
  }

  /** Our own message, before the hub has it: shown at once. Returns what marks it later. */
  sending({ key, text, retry, discard }) {
    const element = entry({ from: this.#me, time: Date.now(), kind: "text", data: text }, true);
    const status = make("p", "status");
    element.lastChild.append(status);
    const item = { element, key, time: Date.now(), position: null, failed: false };
    const mark = (state, ...more) => {
      element.dataset.state = state;
      status.replaceChildren(...more);
    };
    item.wait = () => {
      item.failed = false;
      if (this.#offline) mark("waiting", "Waiting for the connection");
      else mark("sending", "Sending…");
    };
    item.sent = (position) => {
      item.position = position;
      mark("sent", sentMark());
    };
    item.fail = (why) => {
      item.failed = true;
      mark("failed", make("span", "why", `Not sent. ${why} `), button("Retry", retry), button("Discard", discard));
    };
    item.remove = () => {
      this.#waiting.delete(key);
      element.remove();
      this.#groupPending();
    };
    item.wait();
    this.#waiting.set(key, item);
    this.#pending.append(element);
    this.#groupPending();
    this.toEnd();
    return item;
  }

  set offline(offline) {
    this.#offline = offline;
    for (const item of this.#waiting.values()) if (!item.failed && !item.position) item.wait();
  }

  /** While much arrives at once, a screen reader need not read all of it. */
  set busy(busy) {
    this.#box.setAttribute("aria-busy", String(busy));
  }

  toEnd() {
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#seeAll();
  }

  // ---- putting in -----------------------------------------------------------------------------------------------

  #later(what) {
    this.#queue.push(what);
    if (this.#queue.length > 2 * KEPT) this.#shorten();
    // Not an animation frame: those do not come while the tab is hidden.
    this.#timer ??= setTimeout(() => this.#flush(), 16);
  }

  /** What would give way at once need not be put in; notes stay. */
  #shorten() {
    const extra = this.#queue.length - KEPT;
    this.#queue = this.#queue.filter((what, i) => i >= extra || what.gap || this.#waiting.has(what.message.key));
    this.#trimmed.hidden = false;
  }

  #flush() {
    this.#timer = null;
    const batch = document.createDocumentFragment();
    for (const { message, gap } of this.#queue.splice(0)) {
      if (message) this.#place(message, batch);
      else this.#placeGap(gap, batch);
    }
    const added = batch.childElementCount;
    this.#list.append(batch);
    this.#groupPending();
    this.#trim();
    if (this.#atEnd) this.toEnd();
    else this.#showUnseen(added);
  }

  #place(message, batch) {
    this.#placeDay(message.time, batch);
    const own = message.from === this.#me;
    const item = own && message.key !== undefined ? this.#waiting.get(message.key) : undefined;
    if (item) this.#waiting.delete(message.key);
    const element = entry(message, own);
    if (own) {
      element.dataset.state = "sent";
      const status = make("p", "status");
      status.append(sentMark());
      element.lastChild.append(status);
    }
    item?.element.remove();
    element.classList.toggle("follows", this.#follows(this.#last, message));
    this.#last = { from: message.from, time: message.time };
    batch.append(element);
  }

  #placeGap(gap, batch) {
    // What the hub had acked and we will not get back any more belongs above the hole that took it.
    for (const item of this.#waiting.values()) {
      if (!item.position || !swallowed(item.position, gap)) continue;
      this.#waiting.delete(item.key);
      item.element.classList.remove("follows");
      batch.append(item.element);
    }
    this.#last = null;
    batch.append(note(gapInWords(gap), gap.reason === "epoch" ? "anew" : "gap"));
  }

  #placeDay(time, batch) {
    const name = dayName(time);
    if (name === this.#lastDay) return;
    // The first day goes without saying if it is today.
    if (this.#lastDay !== "" || name !== dayName(Date.now())) {
      batch.append(note(name, "day"));
      this.#last = null;
    }
    this.#lastDay = name;
  }

  #follows(last, { from, time }) {
    return last !== null && last.from === from && time - last.time < TOGETHER;
  }

  #groupPending() {
    let last = this.#last;
    for (const item of this.#waiting.values()) {
      const now = { from: this.#me, time: item.time };
      item.element.classList.toggle("follows", this.#follows(last, now));
      last = now;
    }
  }

  #trim() {
    const extra = this.#list.childElementCount - KEPT;
    if (extra <= 0) return;
    const range = document.createRange();
    range.setStartBefore(this.#list.firstChild);
    range.setEndAfter(this.#list.children[extra - 1]);
    range.deleteContents();
    this.#list.firstElementChild.classList.remove("follows");
    this.#trimmed.hidden = false;
  }

  // ---- where the reader is ----------------------------------------------------------------------------------------

  #onScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#box;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.#atEnd) this.#seeAll();
  }

  #showUnseen(more) {
    this.#unseen += more;
    this.#jump.hidden = this.#unseen === 0;
    this.#jump.textContent = `↓ ${this.#unseen} new`;
  }

  #seeAll() {
    this.#atEnd = true;
    this.#unseen = 0;
    this.#jump.hidden = true;
  }
}

// ---- elements -------------------------------------------------------------------------------------------------------

export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** The round badge of a name: decoration, the name itself stands beside it. */
export function avatar(name) {
  const { letter, hue } = badge(name);
  const element = make("span", "avatar", letter);
  element.dataset.hue = hue;
  element.setAttribute("aria-hidden", "true");
  return element;
}

function button(label, action) {
  const element = make("button", "small", label);
  element.type = "button";
  element.addEventListener("click", action);
  return element;
}

function sentMark() {
  const mark = make("span", "mark");
  const tick = make("span", "", "✓");
  tick.setAttribute("aria-hidden", "true");
  mark.append(tick, make("span", "unseen", "Sent"));
  return mark;
}

/** Is what stands at that position in that hole? An epoch's end takes everything of the epochs before. */
function swallowed({ epoch, offset }, gap) {
  if (gap.reason === "epoch") return epoch !== gap.epoch;
  return epoch === gap.epoch && offset >= gap.from && offset <= gap.to;
}

function note(text, kind) {
  const element = make("p", `note ${kind}`);
  element.append(make("span", "", text));
  return element;
}

function entry(message, own) {
  const element = make("article", own ? "entry own" : "entry");
  const head = make("header", "head");
  const time = make("time", "", timeOfDay(message.time));
  time.dateTime = new Date(message.time).toISOString();
  time.title = exactTime(message.time);
  head.append(make("bdi", "from", message.from), ...(own ? [make("span", "you", "you")] : []), time);
  const line = make("div", "line");
  line.append(body(message));
  element.append(avatar(message.from), head, line);
  return element;
}

function body(message) {
  const { kind, label, text } = describe(message);
  const box = make("div", `body ${kind}`);
  if (label) box.append(make("p", "label", label));
  const words = make(kind === "text" ? "p" : "pre", "words");
  if (kind === "text") words.dir = "auto";
  box.append(words);
  const lines = text.split("\n", TALL + 1);
  if (text.length <= LONG && lines.length <= TALL) {
    words.textContent = text;
    return box;
  }
  words.textContent = `${clip(lines.slice(0, TALL).join("\n"), LONG)} …`;
  const more = button(`Show all ${text.length.toLocaleString("en")} characters`, () => {
    words.textContent = text;
    more.remove();
  });
  box.append(more);
  return box;
}
