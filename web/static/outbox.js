import { HubbubError, byteLength, tooLarge } from "./rules.js";

// What the hub has not answered yet, publishes and questions, in their order. It lives across connections: what a lost
// connection has not answered is sent again on the next one. A publish has the same key then, so that the hub stores it once.

// The hub remembers keys for five minutes. What was sent longer ago than this might be stored a second time if it
// were sent again, so it is given back to the caller as "uncertain".
const KEY_LIFE = 4.5 * 60_000;

// No answer for so long on a connection that lives: send it again, the key makes that safe.
const RESEND_AFTER = 30_000;

export class Outbox {
  #most;
  #items = new Map(); // ref → item
  #byKey = new Map(); // the same, publishes only, by room and key
  #unsent = []; // items to be sent, by ref; some may have been settled meanwhile
  #bytes = 0;
  #pausedUntil = 0; // the hub asked for a pause

  constructor({ messages = 1000, bytes = 1 << 20 } = {}) {
    this.#most = { messages, bytes };
  }

  /** How many publishes have no answer. */
  get unacked() {
    return this.#byKey.size;
  }

  /** Takes a command as it is to be sent; resolves with what settle is given for its ref. A publish has room and key. */
  add({ ref, frame, room, key }) {
    const bytes = byteLength(frame);
    const full = this.#items.size >= this.#most.messages || this.#bytes + bytes > this.#most.bytes;
    // What is alone is never too much: whether the hub takes it is for the hub's own limit to say.
    if (full && this.#items.size > 0) {
      const waiting = `${this.#items.size} commands of ${this.#bytes} bytes wait for the hub's answer`;
      return Promise.reject(new HubbubError("queue_full", `${waiting}: wait for some of them before sending more`));
    }
    return new Promise((resolve, reject) => {
      const name = key === undefined ? undefined : nameOf(room, key);
      const item = { ref, name, frame, bytes, firstSent: 0, sent: 0, inFlight: false, resolve, reject };
      this.#items.set(ref, item);
      if (name) this.#byKey.set(name, item);
      this.#bytes += bytes;
      this.#unsent.push(item);
    });
  }

  /** Sends whatever is not in flight, in order. limit is the largest message the hub takes. */
  flush(send, limit, now) {
    if (now < this.#pausedUntil || this.#unsent.length === 0) return;
    for (const item of this.#unsent.splice(0)) {
      if (!this.#items.has(item.ref)) continue;
      if (item.bytes > limit) {
        this.fail(item.ref, tooLarge(item.bytes, limit));
      } else if (item.name && item.firstSent && now - item.firstSent > KEY_LIFE) {
        this.fail(item.ref, new HubbubError("uncertain", "it was sent, but the hub's answer never came"));
      } else {
        item.inFlight = true;
        item.sent = now;
        item.firstSent ||= now;
        send(item.frame);
      }
    }
  }

  /** The connection is gone: everything is to be sent again. */
  unsend() {
    for (const item of this.#items.values()) item.inFlight = false;
    this.#unsent = [...this.#items.values()];
  }

  /** The hub cannot take this one before then: it is to be sent again, in its place, and nothing else until then. */
  postpone(ref, until) {
    this.#again(this.#items.get(ref));
    this.#pausedUntil = Math.max(this.#pausedUntil, until);
  }

  /** Has what has waited too long sent again; says how long the longest has waited. */
  overdue(now) {
    let longest = 0;
    for (const item of this.#items.values()) {
      if (!item.inFlight) continue;
      longest = Math.max(longest, now - item.sent);
      if (now - item.sent > RESEND_AFTER) this.#again(item);
    }
    return longest;
  }

  has(ref) {
    return this.#items.has(ref);
  }

  /** answer is what the promise resolves with, or a function of when the command was sent. */
  settle(ref, answer) {
    const item = this.#take(ref);
    item?.resolve(typeof answer === "function" ? answer(item.sent) : answer);
  }

  /** A message of our own with a key has come back: that is as good as its answer. */
  seen(room, key, position) {
    const item = this.#byKey.get(nameOf(room, key));
    if (item) this.settle(item.ref, position);
  }

  fail(ref, error) {
    this.#take(ref)?.reject(error);
  }

  /** The hub has closed with "message too big": the largest one in flight is the one it meant. */
  failLargest() {
    let largest = null;
    for (const item of this.#items.values()) {
      if (item.inFlight && item.bytes > (largest?.bytes ?? 0)) largest = item;
    }
    if (largest) this.fail(largest.ref, tooLarge(largest.bytes));
  }

  failAll(error) {
    for (const ref of [...this.#items.keys()]) this.fail(ref, error);
  }

  #again(item) {
    if (!item?.inFlight) return;
    item.inFlight = false;
    this.#unsent.push(item);
    this.#unsent.sort((a, b) => a.ref - b.ref);
  }

  #take(ref) {
    const item = this.#items.get(ref);
    if (!item) return undefined;
    this.#items.delete(ref);
    if (this.#byKey.get(item.name) === item) this.#byKey.delete(item.name);
    this.#bytes -= item.bytes;
    return item;
  }
}

/** No room's name holds a line break. */
const nameOf = (room, key) => `${room}\n${key}`;
