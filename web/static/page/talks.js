import { Emitter } from "../emitter.js";
import { clientProblem, roomProblem } from "../hubbub.js";
import { Inbox } from "./direct.js";
import { recallJSON, remember } from "./memory.js";
import { RoomTalk } from "./roomtalk.js";

const WRITE_AFTER = 500; // milliseconds in which changes of what was read are gathered

/**
 * All talks of one client over one connection, as the browser remembers them: which there are, and how far each was read.
 *
 * Events: change (there is another one, one less, or something unread), problem {talk, words}
 */
export class Talks extends Emitter {
  #hub;
  #inbox;
  #talks = new Map(); // name → Talk, in the order in which they were opened
  #parted = new Map(); // name → read, of direct talks that were left: what was read of them does not bring them back
  #timer = null;

  constructor(hub) {
    super();
    this.#hub = hub;
    this.#inbox = new Inbox(hub, (other, message) => this.#onFirst(other, message));
    hub.on("state", ({ name }) => name !== "live" && this.#disconnected());
    for (const { name, read, parted } of recallJSON(this.#place, [])) {
      if (typeof name !== "string" || problemOf(name)) continue;
      if (parted) this.#parted.set(name, read);
      else this.open(name, read);
    }
    addEventListener("pagehide", () => this.#write());
  }

  get #place() {
    return `hubbub.talks.${this.#hub.client}`;
  }

  [Symbol.iterator]() {
    return this.#talks.values();
  }

  get unread() {
    let sum = 0;
    for (const talk of this.#talks.values()) sum += talk.unread;
    return sum;
  }

  /** The talk of that name: "@bob" is what one writes to bob and gets from him, everything else is a room. */
  open(name, read) {
    let talk = this.#talks.get(name);
    if (talk) return talk;
    if (name.startsWith("@")) talk = this.#inbox.talk(name.slice(1), isPosition(read) ? read : this.#parted.get(name));
    else talk = new RoomTalk(this.#hub, name, isPosition(read) ? read : undefined);
    this.#talks.set(name, talk);
    this.#parted.delete(name);
    talk.on("unread", () => this.#changed());
    talk.on("problem", (words) => this.emit("problem", { talk, words }));
    this.#changed();
    return talk;
  }

  part(talk) {
    talk.leave();
    this.#talks.delete(talk.name);
    if (talk.other !== undefined) this.#parted.set(talk.name, talk.newest ?? talk.read);
    this.#changed();
  }

  /** The one before or behind that one, in the order in which they are shown; null at the end. */
  beside(talk, step) {
    const all = [...this.#talks.values()];
    const shown = [...all.filter(({ other }) => other === undefined), ...all.filter(({ other }) => other !== undefined)];
    return shown[shown.indexOf(talk) + step] ?? null;
  }

  #onFirst(other, message) {
    const name = `@${other}`;
    if (clientProblem(other)) return null;
    const read = this.#parted.get(name);
    if (read && read.epoch === message.epoch && message.offset <= read.offset) return null;
    return this.open(name);
  }

  #disconnected() {
    this.#inbox.disconnected();
    for (const talk of this.#talks.values()) talk.disconnected();
  }

  #changed() {
    this.emit("change");
    this.#timer ??= setTimeout(() => this.#write(), WRITE_AFTER);
  }

  #write() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const open = [...this.#talks.values()].map(({ name, read }) => ({ name, read }));
    const parted = [...this.#parted].slice(-100).map(([name, read]) => ({ name, read, parted: true }));
    remember("localStorage", this.#place, JSON.stringify([...open, ...parted]));
  }
}

export const problemOf = (name) => (name.startsWith("@") ? clientProblem(name.slice(1)) : roomProblem(name));

const isPosition = (read) => typeof read?.epoch === "string" && Number.isSafeInteger(read.offset);
