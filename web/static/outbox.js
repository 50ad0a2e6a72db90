import { HubbubError } from "./rules.js";

// What was published and is not acked yet, in the order it was published. It lives across connections: what a
// lost connection has not acked is sent again on the next one, with the same key, so that the hub stores it once.

const MAX_MESSAGES = 500;
const MAX_BYTES = 1 << 20;

// The hub remembers keys for five minutes. What was sent longer ago than this might be stored a second time if it
// were sent again, so it is given back to the caller as "uncertain".
const KEY_LIFE = 4.5 * 60_000;

// No answer for so long on a connection that lives: send it again, the key makes that safe.
const RESEND_AFTER = 30_000;

export class Outbox {
  #items = new Map(); // ref → item
  #bytes = 0;

  get size() {
    return this.#items.size;
  }

  /** Takes a publish; resolves with its position once the hub has acked it. */
  add({ ref, room, key, frame, bytes }) {
    if (this.#items.size >= MAX_MESSAGES || this.#bytes + bytes > MAX_BYTES) {
      return Promise.reject(new HubbubError("queue_full", "too much is waiting to be sent"));
    }
    return new Promise((resolve, reject) => {
      this.#items.set(ref, { ref, room, key, frame, bytes, firstSent: 0, sent: 0, inFlight: false, resolve, reject });
      this.#bytes += bytes;
    });
  }

  /** Sends whatever is not in flight, in order. limit is the largest message the hub takes. */
  flush(send, limit, now) {
    for (const item of this.#items.values()) {
      if (item.inFlight) continue;
      if (item.bytes > limit) {
        this.fail(item.ref, new HubbubError("too_large", `${item.bytes} bytes are more than the hub takes (${limit})`));
      } else if (item.firstSent && now - item.firstSent > KEY_LIFE) {
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
  }

  /** The hub could not take this one now: it is to be sent again, in its place. */
  postpone(ref) {
    const item = this.#items.get(ref);
    if (item) item.inFlight = false;
  }

  /** Marks what has waited too long for its ack to be sent again; says how long the longest has waited. */
  overdue(now) {
    let longest = 0;
    for (const item of this.#items.values()) {
      if (!item.inFlight) continue;
      longest = Math.max(longest, now - item.sent);
      if (now - item.sent > RESEND_AFTER) item.inFlight = false;
    }
    return longest;
  }

  has(ref) {
    return this.#items.has(ref);
  }

  acked(ref, position) {
    this.#take(ref)?.resolve(position);
  }

  /** A message of our own with a key has come back: that is as good as its ack. */
  seen(room, key, position) {
    for (const item of this.#items.values()) {
      if (item.key === key && item.room === room) return this.acked(item.ref, position);
    }
  }

  fail(ref, error) {
    this.#take(ref)?.reject(error);
  }

  /** The hub has closed with "message too big": the largest one in flight is the one it meant. */
  failLargest(error) {
    let largest = null;
    for (const item of this.#items.values()) {
      if (item.inFlight && item.bytes > (largest?.bytes ?? 0)) largest = item;
    }
    if (largest) this.fail(largest.ref, error);
  }

  failAll(error) {
    for (const ref of [...this.#items.keys()]) this.fail(ref, error);
  }

  #take(ref) {
    const item = this.#items.get(ref);
    if (item && this.#items.delete(ref)) this.#bytes -= item.bytes;
    return item;
  }
}
