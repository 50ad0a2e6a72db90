import { Emitter } from "./emitter.js";

const PAUSE = 3_000; // between two questions for the members, if events alone do not tell

/**
 * Who is in a room, from its members answer and its presence events. Where an event carries a count alone, or does
 * not add up with what we have, the members are asked for again, once in three seconds at most.
 *
 * Event: change {count, members: [{client, connections}]}, sorted by name; count may be more than are listed.
 */
export class Roster extends Emitter {
  #room;
  #members = new Map(); // client → connections
  #count = 0;
  #askedAt = 0;
  #timer = null;
  #asking = false;
  #stale = false; // something happened while the answer was under way

  constructor(room) {
    super();
    this.#room = room;
    room.on("joined", ({ count }) => {
      this.#count = count;
      this.#ask();
    });
    room.on("presence", (event) => this.#onPresence(event));
  }

  stop() {
    clearTimeout(this.#timer);
    this.#room = null;
  }

  #onPresence({ joined = [], left = [], count }) {
    this.#count = count;
    for (const client of left) this.#members.delete(client);
    for (const client of joined) this.#members.set(client, this.#members.get(client) ?? 1);
    if (this.#asking) this.#stale = true;
    else if (this.#members.size !== count) this.#askSoon();
    this.#tell();
  }

  #askSoon() {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => this.#ask(), Math.max(0, this.#askedAt + PAUSE - Date.now()));
  }

  async #ask() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#room || this.#asking) return;
    this.#asking = true;
    this.#stale = false;
    this.#askedAt = Date.now();
    try {
      const { count, members } = await this.#room.members();
      this.#count = count;
      this.#members = new Map(members.map((m) => [m.client, m.connections]));
      this.#asking = false;
      if (this.#stale) this.#askSoon();
      this.#tell();
    } catch (error) {
      this.#asking = false;
      if (error.code === "queue_full") this.#askSoon(); // anything else lasts until the next joined
    }
  }

  #tell() {
    if (!this.#room) return;
    const members = Array.from(this.#members, ([client, connections]) => ({ client, connections }));
    members.sort((a, b) => (a.client < b.client ? -1 : 1));
    this.emit("change", { count: this.#count, members });
  }
}
