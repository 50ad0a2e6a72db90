import { Emitter } from "../emitter.js";
import { newKey } from "../hubbub.js";
import { Leaves } from "./leaf.js";
import { Typists } from "./typing.js";
import { errorInWords } from "./words.js";

const PAGE = 100; // older messages that are fetched at a time

/**
 * A conversation as the page keeps it, whether it is shown or not: its messages, our own that have no place yet, and how far
 * one has read. RoomTalk and DirectTalk say where its messages come from and go to: publish(text, key), signal(data), sizeOf(text),
 * fetchOlder(limit), leave(), disconnected(); known (what stateInWords wants to know), newest (a position), unread, people.
 *
 * Events: change (messages or drafts), anew (leaves were put in front), mark, unread, typing, known, people, problem (words)
 */
export class Talk extends Emitter {
  leaves = new Leaves();
  drafts = new Map(); // key → Draft, in the order in which they were written
  typists = new Typists(() => this.emit("typing"));
  mark = null; // the first item that was not read when one left: a line stands in front of it
  read; // position of the newest message that was read; undefined before anything was
  oldest = "unknown"; // "more": there are older messages; "first": the log begins here; "kept": the older ones are gone; "direct": nobody knows
  #looking = false; // someone sees its end
  #returning = false; // what comes was said while one was not connected
  #loading = false;

  constructor(name, me, read) {
    super();
    this.name = name;
    this.me = me;
    this.read = read;
  }

  /** A message or a gap has its place at the end. */
  add(item) {
    const gone = this.leaves.append(item);
    if (gone > 0) this.oldest = "more";
    if (item.type === "message") {
      item.own = item.from === this.me;
      if (item.own && item.key !== undefined) this.drafts.delete(item.key);
      this.typists.done(item.from);
      this.#addUnread(item);
    } else {
      this.#placeLost(item);
    }
    this.emit("change");
  }

  /** Someone sees the end of this talk now, or has scrolled away from it. */
  look(looking) {
    this.#looking = looking;
    if (looking) this.#seen();
  }

  /** Nobody sees this talk any more. If all of it was read, the next message is the first unread one. */
  away() {
    this.#looking = false;
    if (this.mark && this.unread === 0) this.#setMark(null);
  }

  get returning() {
    return this.#returning;
  }

  /** From here on comes what was said while one was not connected: the first of it is marked, even if one looks. */
  set returning(returning) {
    this.#returning = returning;
    if (returning && this.mark && this.unread === 0) this.#setMark(null);
  }

  #addUnread(item) {
    if (!this.mark && !item.own && this.isUnread(item) && (this.#returning || !this.#looking)) this.#setMark(item);
    if (this.#looking || item.own) this.#seen();
    else this.emit("unread");
  }

  /** Up to what is here, not up to what is known to be: more may be on its way. */
  #seen() {
    const last = this.leaves.end ?? (this.oldest === "kept" ? this.newest : null);
    if (!last || (this.read?.epoch === last.epoch && this.read.offset >= last.offset)) return;
    this.read = last;
    this.emit("unread");
  }

  isUnread({ epoch, offset }) {
    return this.read !== undefined && (this.read.epoch !== epoch || offset > this.read.offset);
  }

  #setMark(item) {
    this.mark = item;
    this.emit("mark");
  }

  /** What the hub had acked and we will not get back any more belongs above the hole that took it. */
  #placeLost(gap) {
    for (const draft of this.drafts.values()) {
      if (!draft.position || !swallowed(draft.position, gap)) continue;
      this.drafts.delete(draft.key);
      const { epoch, offset } = draft.position;
      this.leaves.insertBeforeLast({ type: "message", own: true, from: this.me, time: draft.time, kind: "text", data: draft.text, key: draft.key, epoch, offset });
    }
  }

  // ---- what one writes --------------------------------------------------------------------------------------------

  send(text) {
    const draft = { key: newKey(), text, time: Date.now(), state: "sending", why: "", position: null };
    this.drafts.set(draft.key, draft);
    if (this.mark) this.#setMark(null);
    this.retry(draft);
  }

  async retry(draft) {
    Object.assign(draft, { state: "sending", why: "" });
    this.emit("change");
    try {
      draft.position = await this.publish(draft.text, draft.key);
      draft.state = "sent";
    } catch (error) {
      draft.state = "failed";
      draft.why = errorInWords(error);
    }
    this.emit("change");
  }

  discard(draft) {
    this.drafts.delete(draft.key);
    this.emit("change");
  }

  // ---- what is older ----------------------------------------------------------------------------------------------

  /** Fetches messages older than the first one here. It is called often: it does nothing while it is at it. */
  async older() {
    if (this.#loading || this.oldest !== "more") return;
    this.#loading = true;
    try {
      const items = await this.fetchOlder(PAGE);
      for (const item of items) item.own = item.from === this.me;
      this.leaves.prepend(items);
      const unread = items.find((item) => item.type === "message" && !item.own && this.isUnread(item));
      if (unread && this.mark) this.#setMark(unread);
    } catch (error) {
      this.oldest = "kept";
      if (error.code !== "bad_request") this.emit("problem", errorInWords(error));
    }
    this.#loading = false;
    if (this.#looking) this.#seen();
    this.emit("anew");
  }
}

/** Is what stands at that position in that hole? An epoch's end takes everything of the epochs before. */
function swallowed({ epoch, offset }, gap) {
  if (gap.reason === "epoch") return epoch !== gap.epoch;
  return epoch === gap.epoch && offset >= gap.from && offset <= gap.to;
}
