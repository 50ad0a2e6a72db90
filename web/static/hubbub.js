import { Emitter } from "./emitter.js";
import { Outbox } from "./outbox.js";
import { Room } from "./room.js";
import { DIALECT, HubbubError, backoff, byteLength, comesBack, encodePayload, firstAttempt } from "./rules.js";

export { HubbubError } from "./rules.js";

const HELLO_TIMEOUT = 10_000; // from the first try to the hub's welcome
const PONG_TIMEOUT = 8_000; // after our ping, until the connection counts as dead
const DOUBT = 5_000; // an ack that takes so long, or a quiet connection on wake-up: look whether it is alive
const STABLE = 5_000; // a connection that held so long starts the backoff anew

/**
 * One client of a hub: a connection that comes back, and rooms that go on where they stopped.
 *
 *   const hub = new Hubbub("wss://example.org/ws", {client: "alice"});
 *   const room = hub.join("lobby", {last: 50, presence: true});
 *   room.on("message", ({from, data}) => …);
 *   await room.publish("hi");
 *
 * Events:
 *   state  {name, since, retryAt, code, reason}   also as hub.state; name is
 *            connecting   there was no connection yet
 *            live
 *            offline      it was lost at since; retryAt is null while a try is under way
 *            closed       for good: code 4500–4999, or close() was called
 *   error  HubbubError                            an error of the hub that belongs to no room and no promise
 */
export class Hubbub extends Emitter {
  #url;
  #Socket;
  #token;
  #socket = null;
  #rooms = new Map(); // name → Room
  #asks = new Map(); // ref → {resolve, reject}
  #outbox = new Outbox();
  #pausedUntil = 0; // the hub asked to wait with publishes
  #lastRef = 0;
  #attempt = 0;
  #liveAt = 0;
  #heard = 0; // when the last frame came
  #pinged = 0; // when our unanswered ping went out; 0 if there is none
  #ping = 25_000;
  #timer; // for the next try, or for the hub's welcome
  #watch; // looks after the connection once a second
  #wake = () => this.#onWake();
  #io = {
    send: (command) => this.#send(command),
    ask: (command) => this.#ask(command),
    publish: (room, data, key) => this.#publish(room, data, key),
    sizeOf: (room, data) => byteLength(this.#publishFrame(this.#lastRef + 1, room, data, newKey())),
    leave: (room) => this.#leave(room),
    seen: (room, { from, key }, position) => {
      if (key !== undefined && from === this.client) this.#outbox.seen(room, key, position);
    },
  };

  constructor(url, { client, token, WebSocket = globalThis.WebSocket } = {}) {
    super();
    this.client = client;
    this.limits = { message: 65536, rooms: 128 }; // until the hub's welcome says otherwise
    this.state = { name: "connecting", since: Date.now(), retryAt: null };
    this.#url = `${String(url).replace(/\/+$/, "")}/${encodeURIComponent(client)}`;
    this.#token = token;
    this.#Socket = WebSocket;
    globalThis.addEventListener?.("online", this.#wake);
    globalThis.addEventListener?.("offline", this.#wake);
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
    this.#connect();
  }

  /** Joins a room, now and after every reconnect. last: so many messages first; presence: who comes and goes. */
  join(name, { last, presence } = {}) {
    let room = this.#rooms.get(name);
    if (!room) {
      room = new Room(name, { last, presence }, this.#io);
      this.#rooms.set(name, room);
      if (this.state.name === "live") room.connected(this.#ref());
    }
    return room;
  }

  /** How many publishes are not acked yet. */
  get unacked() {
    return this.#outbox.size;
  }

  /** Does not wait for the next try. */
  retryNow() {
    if (this.#socket || this.state.name === "closed") return;
    this.#connect();
  }

  /** Ends it. What is not acked by now is rejected. */
  close() {
    const socket = this.#drop();
    socket?.close(1000);
    this.#end(1000, "closed by this side");
  }

  // ---- the connection -----------------------------------------------------------------------------------------

  #connect() {
    clearTimeout(this.#timer);
    if (this.state.retryAt !== null) this.#setState({ ...this.state, retryAt: null });
    const offers = this.#token ? [DIALECT, `bearer.${this.#token}`] : [DIALECT];
    const socket = new this.#Socket(this.#url, offers);
    this.#socket = socket;
    // A socket that we gave up may still speak: it is not listened to.
    socket.onmessage = ({ data }) => socket === this.#socket && this.#onFrame(data);
    socket.onclose = ({ code, reason }) => socket === this.#socket && this.#onGone(code, reason);
    socket.onerror = () => {}; // its close follows; without a listener the ws package would throw
    this.#timer = setTimeout(() => this.#giveUp("no answer"), HELLO_TIMEOUT);
  }

  /** Lets go of the socket and of everything that hangs on it; returns it. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#pinged = 0;
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    for (const room of this.#rooms.values()) room.disconnected();
    for (const ask of this.#asks.values()) ask.reject(new HubbubError("disconnected", "the connection was lost"));
    this.#asks.clear();
    this.#outbox.unsend();
    return socket;
  }

  /** The connection is dead or never came to life. Its own close event may take minutes, so nobody waits for it. */
  #giveUp(why) {
    const socket = this.#socket;
    this.#onGone(1006, why);
    socket.close();
  }

  #onGone(code, reason) {
    const wasLive = this.state.name === "live";
    if (code === 1009) this.#outbox.failLargest(new HubbubError("too_large", "the hub found it too big"));
    this.#drop();
    if (!comesBack(code)) return this.#end(code, reason);
    if (wasLive && Date.now() - this.#liveAt > STABLE) this.#attempt = 0;
    this.#attempt = Math.max(this.#attempt, firstAttempt(code));
    const wait = backoff(this.#attempt++);
    const before = wasLive ? { name: "offline", since: Date.now() } : this.state;
    this.#timer = setTimeout(() => this.#connect(), wait);
    this.#setState({ name: before.name, since: before.since, retryAt: Date.now() + wait, code, reason });
  }

  #end(code, reason) {
    globalThis.removeEventListener?.("online", this.#wake);
    globalThis.removeEventListener?.("offline", this.#wake);
    globalThis.document?.removeEventListener("visibilitychange", this.#wake);
    this.#outbox.failAll(new HubbubError("closed", "the connection was closed for good"));
    if (this.state.name !== "closed") {
      this.#setState({ name: "closed", since: Date.now(), retryAt: null, code, reason });
    }
  }

  #setState(state) {
    this.state = state;
    this.emit("state", state);
  }

  #onWelcome({ limits, ping }) {
    clearTimeout(this.#timer);
    Object.assign(this.limits, limits);
    if (ping > 0) this.#ping = ping * 1000;
    this.#liveAt = Date.now();
    this.#setState({ name: "live", since: this.#liveAt, retryAt: null });
    for (const room of this.#rooms.values()) room.connected(this.#ref());
    this.#flush();
    this.#watch = setInterval(() => this.#onTick(), 1000);
  }

  /** A connection can be dead without saying so: whoever is in doubt pings, and whoever gets nothing lets go. */
  #onTick() {
    const now = Date.now();
    if (this.#pinged && now - this.#pinged > PONG_TIMEOUT) return this.#giveUp("no answer to a ping");
    const waiting = this.#outbox.overdue(now);
    const idle = now - this.#heard;
    if (idle > this.#ping || (waiting > DOUBT && idle > DOUBT)) this.#probe(now);
    this.#flush();
  }

  #probe(now) {
    if (this.#pinged) return;
    this.#pinged = now;
    this.#send({ type: "ping" });
  }

  #onWake() {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.state.name === "live") {
      if (Date.now() - this.#heard > DOUBT) this.#probe(Date.now());
    } else {
      this.retryNow();
    }
  }

  // ---- frames -------------------------------------------------------------------------------------------------

  #onFrame(text) {
    this.#heard = Date.now();
    this.#pinged = 0;
    const frame = JSON.parse(text);
    switch (frame.type) {
      case "welcome":
        return this.#onWelcome(frame);
      case "published":
        return this.#outbox.acked(frame.ref, frame.position);
      case "members":
      case "history":
      case "authorized":
        return this.#answer(frame.ref)?.resolve(frame);
      case "error":
        return this.#onError(frame);
      case "pong":
      case "left":
        return;
      default: // joined, message, gap, presence, signal; a type from a later version goes nowhere
        this.#rooms.get(frame.room)?.receive(frame);
    }
  }

  #onError({ ref, code, message, retry_after: pause }) {
    const error = new HubbubError(code, message, { retryAfter: pause });
    const later = code === "unavailable" || code === "rate_limited";
    const ask = this.#answer(ref);
    if (ask) return ask.reject(error);
    if (ref !== undefined && this.#outbox.has(ref)) {
      if (!later) return this.#outbox.fail(ref, error);
      this.#pausedUntil = Date.now() + (pause ?? 1) * 1000;
      return this.#outbox.postpone(ref); // the next tick after the pause sends it again
    }
    for (const room of this.#rooms.values()) {
      if (ref === undefined || !room.isJoin(ref)) continue;
      if (later) this.#joinLater(room, ref, (pause ?? 1) * 1000);
      return room.emit("error", error);
    }
    this.emit("error", error);
  }

  #joinLater(room, ref, wait) {
    const again = () => {
      if (room.isJoin(ref) && this.#rooms.get(room.name) === room) room.connected(this.#ref());
    };
    setTimeout(again, wait * (1 + Math.random()));
  }

  #answer(ref) {
    const ask = this.#asks.get(ref);
    this.#asks.delete(ref);
    return ask;
  }

  #ref() {
    return ++this.#lastRef;
  }

  #send(command) {
    if (this.state.name === "live") this.#socket.send(JSON.stringify(command));
  }

  #ask(command) {
    if (this.state.name !== "live") return Promise.reject(new HubbubError("disconnected", "there is no connection"));
    const ref = this.#ref();
    return new Promise((resolve, reject) => {
      this.#asks.set(ref, { resolve, reject });
      this.#send({ ...command, ref });
    });
  }

  // ---- what rooms ask for -------------------------------------------------------------------------------------

  #publishFrame(ref, room, data, key) {
    return JSON.stringify({ type: "publish", ref, room, ...encodePayload(data), key });
  }

  #publish(room, data, key = newKey()) {
    if (this.state.name === "closed") return Promise.reject(new HubbubError("closed", "the connection is closed"));
    const ref = this.#ref();
    const frame = this.#publishFrame(ref, room, data, key);
    const acked = this.#outbox.add({ ref, room, key, frame, bytes: byteLength(frame) });
    this.#flush();
    return acked;
  }

  #flush() {
    const now = Date.now();
    if (this.state.name !== "live" || now < this.#pausedUntil) return;
    this.#outbox.flush((frame) => this.#socket.send(frame), this.limits.message, now);
  }

  #leave(room) {
    if (this.#rooms.get(room.name) !== room) return;
    this.#rooms.delete(room.name);
    this.#send({ type: "leave", room: room.name });
    room.disconnected();
  }
}

/** 128 random bits. (crypto.randomUUID is not there on a page that came over plain http.) */
export function newKey() {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("");
}
