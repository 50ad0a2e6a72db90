import { Connection } from "./connection.js";
import { Emitter } from "./emitter.js";
import { Outbox } from "./outbox.js";
import { Room } from "./room.js";
import { HubbubError, byteLength, clientProblem, encodePayload, isPassing, roomProblem, tooLarge } from "./rules.js";

export { Roster } from "./roster.js";
export { HubbubError, clientProblem, roomProblem } from "./rules.js";

const LONG = 5_000; // an answer that takes so long is a reason to doubt that the connection lives

/**
 * One client of a hub: a connection that comes back, and rooms that go on where they stopped.
 *
 *   const hub = new Hubbub("wss://example.org/ws", {client: "alice"});
 *   const room = hub.join("lobby", {last: 50, presence: true});
 *   room.on("message", ({from, data}) => …);
 *   await room.publish("hi");
 *
 * All that may be called, and the events, are described in hubbub.d.ts.
 */
export class Hubbub extends Emitter {
  #connection;
  #rooms = new Map(); // name → Room
  #outbox; // publishes and questions without an answer
  #lastRef = 0; // never used twice, on whatever connection: an answer finds its command and no other
  #over = null; // the error that everything meets when the connection is closed or refused

  constructor(url, { client, token, WebSocket = globalThis.WebSocket, queue } = {}) {
    super();
    const problem = typeof client === "string" ? clientProblem(client) : "Say who connects: new Hubbub(url, {client: …}).";
    if (problem) throw new TypeError(problem);
    if (!WebSocket) throw new TypeError('There is no WebSocket here: import one (from "ws", say), and hand it in: {WebSocket}.');
    this.client = client;
    this.limits = { message: 65536, rooms: 128 }; // until the hub's welcome says otherwise
    this.#outbox = new Outbox(queue);
    this.#connection = new Connection(this.#owner(), addressOf(url, client), { token, WebSocket });
  }

  get state() {
    return this.#connection.state;
  }

  get unacked() {
    return this.#outbox.unacked;
  }

  get inbox() {
    return this.join(`@${this.client}`);
  }

  join(name, options = {}) {
    const known = this.#rooms.get(name);
    if (known) return known;
    const problem = roomProblem(name);
    if (problem) throw new TypeError(problem);
    const room = new Room(name, options, this.#forRooms);
    if (this.#over) this.#stopRoom(room);
    this.#rooms.set(name, room);
    if (this.#connection.live) room.connected();
    return room;
  }

  publish(room, data, { key, echo = true } = {}) {
    key ||= newKey();
    const acked = this.#request({ type: "publish", room, data, key });
    const joined = this.#rooms.get(room);
    if (!echo && joined?.hopeful) joined.hush(key, acked);
    return acked;
  }

  signal(room, data) {
    const frame = encode({ type: "signal", room, data });
    const bytes = byteLength(frame);
    // The hub would close the connection over it, and nobody would know which command it meant.
    if (bytes > this.limits.message) throw tooLarge(bytes, this.limits.message);
    return this.#send(frame);
  }

  sizeOf(room, data) {
    return byteLength(encode({ type: "publish", ref: this.#lastRef + 1, room, data, key: newKey() }));
  }

  ping() {
    return this.#request({ type: "ping" });
  }

  retry() {
    if (this.state.name === "refused") this.#over = null;
    this.#connection.retry();
  }

  close() {
    this.#connection.close();
  }

  // ---- the connection -----------------------------------------------------------------------------------------

  #owner() {
    return {
      onWelcome: ({ limits }) => Object.assign(this.limits, limits),
      onFrame: (frame) => this.#onFrame(frame),
      onState: (state) => this.#onState(state),
      onTick: (now) => this.#onTick(now),
      onError: (error) => this.emit("error", error),
    };
  }

  #onState(state) {
    if (state.name === "live") {
      for (const room of this.#rooms.values()) room.connected();
      this.#flush();
    } else {
      if (state.code === 1009) this.#outbox.failLargest();
      for (const room of this.#rooms.values()) room.disconnected();
      this.#outbox.unsend();
    }
    if (state.name === "refused") this.#stop(new HubbubError("refused", `the hub refused the connection: ${state.reason || state.code}`));
    if (state.name === "closed") this.#stop(new HubbubError("closed", "the connection was closed by this side"));
    this.emit("state", state);
  }

  #stop(error) {
    this.#over = error;
    this.#outbox.failAll(error);
    for (const room of this.#rooms.values()) this.#stopRoom(room);
  }

  #stopRoom(room) {
    if (this.#over.code === "closed") room.end(this.#over);
    else room.fail(this.#over);
  }

  #onTick(now) {
    if (this.#outbox.overdue(now) > LONG) this.#connection.doubt();
    this.#flush();
  }

  // ---- frames -------------------------------------------------------------------------------------------------

  #onFrame(frame) {
    switch (frame.type) {
      case "published":
        return this.#outbox.settle(frame.ref, frame.position);
      case "members":
      case "history":
        return this.#outbox.settle(frame.ref, frame);
      case "pong":
        return this.#outbox.settle(frame.ref, (sent) => Date.now() - sent);
      case "error":
        return this.#onError(frame);
      default: // joined, message, gap, presence, signal; a type from a later version goes nowhere
        this.#rooms.get(frame.room)?.receive(frame);
    }
  }

  #onError({ ref, code, message, retry_after: retryAfter }) {
    const error = new HubbubError(code, message, { retryAfter });
    if (this.#outbox.has(ref)) {
      if (!isPassing(error)) return this.#outbox.fail(ref, error);
      return this.#outbox.postpone(ref, Date.now() + (retryAfter ?? 1) * 1000); // the tick after that sends it again
    }
    for (const room of this.#rooms.values()) {
      if (room.isJoin(ref)) return room.refused(error);
    }
    // The leave of a room that we were not in yet.
    if (code !== "not_joined") this.emit("error", error);
  }

  #send(frame) {
    if (!this.#connection.live) return false;
    this.#connection.send(frame);
    return true;
  }

  /** Sends a command now or when there is a connection, and again until it has an answer. */
  #request(command) {
    if (this.#over) return Promise.reject(this.#over);
    const ref = ++this.#lastRef;
    let frame;
    try {
      frame = encode({ ...command, ref });
    } catch (error) {
      return Promise.reject(error);
    }
    const answered = this.#outbox.add({ ref, frame, room: command.room, key: command.key });
    this.#flush();
    return answered;
  }

  #flush() {
    if (!this.#connection.live) return;
    this.#outbox.flush((frame) => this.#connection.send(frame), this.limits.message, Date.now());
  }

  // ---- what rooms ask for -------------------------------------------------------------------------------------

  #forRooms = {
    ref: () => ++this.#lastRef,
    send: (command) => this.#send(encode(command)),
    ask: (question) => this.#request(question),
    publish: (room, data, options) => this.publish(room, data, options),
    signal: (room, data) => this.signal(room, data),
    sizeOf: (room, data) => this.sizeOf(room, data),
    leave: (room) => this.#leave(room),
    seen: (room, from, key, position) => {
      if (from === this.client) this.#outbox.seen(room, key, position);
      return from === this.client;
    },
  };

  #leave(room) {
    if (this.#rooms.get(room.name) !== room) return;
    this.#rooms.delete(room.name);
    if (room.hopeful) this.#send(encode({ type: "leave", room: room.name }));
    room.end(new HubbubError("left", `${room.name} was left`));
  }
}

/** 128 random bits. (crypto.randomUUID is not there on a page that came over plain http.) */
export function newKey() {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("");
}

function encode({ data, ...command }) {
  return JSON.stringify({ ...command, ...encodePayload(data) });
}

/** Where the client connects: its name is the last part of the path. */
function addressOf(url, client) {
  const at = new URL(url, globalThis.location?.href);
  at.protocol = at.protocol.replace("http", "ws");
  if (at.protocol !== "ws:" && at.protocol !== "wss:") throw new TypeError(`${url} is no address of a hub: it begins with wss:// or ws://`);
  at.pathname = `${at.pathname.replace(/\/+$/, "")}/${encodeURIComponent(client)}`;
  at.hash = "";
  return at.href;
}
