import { mock } from "node:test";
import { Hubbub } from "../../../web/static/hubbub.js";

export const WELCOME = { type: "welcome", protocol: "hubbub.v1", client: "alice", connection: "c1", instance: "i1", ping: 25, limits: { message: 65536, rooms: 128 } };

/** The other end of a WebSocket, played by the test. */
class FakeSocket {
  closed = null; // the code that the client closed it with
  sent = []; // frames that nobody has looked at yet

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closed = code ?? 1005;
  }

  // ---- the test's side

  say(...frames) {
    for (const frame of frames) this.onmessage({ data: JSON.stringify(frame) });
  }

  /** What was sent since the last look, of one type or of all. */
  take(type) {
    const taken = this.sent.filter((frame) => !type || frame.type === type);
    this.sent = this.sent.filter((frame) => type && frame.type !== type);
    return taken;
  }

  drop(code = 1006, reason = "") {
    this.onclose({ code, reason });
  }
}

/** Lets everything run that waits for nothing but its turn. */
export const settle = () => new Promise((done) => setImmediate(done));

/** A client in a world without a network and without time: sockets has what it opened, pass(ms) lets time pass. */
export async function world(t, options = {}) {
  const sockets = [];
  class Socket extends FakeSocket {
    constructor(...args) {
      super(...args);
      sockets.push(this);
    }
  }
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_800_000_000_000 });
  // A full pause each time, so that what is due when is known; how pauses scatter is a test of its own.
  const random = mock.method(Math, "random", () => 1);
  const hub = new Hubbub("ws://hub.test/ws", { client: "alice", WebSocket: Socket, ...options });
  t.after(() => {
    hub.close();
    mock.timers.reset();
    random.mock.restore();
  });
  const states = [hub.state.name];
  hub.on("state", ({ name }) => states.at(-1) !== name && states.push(name));
  await settle();
  return {
    hub,
    sockets,
    states,
    get socket() {
      return sockets.at(-1);
    },
    async pass(ms) {
      mock.timers.tick(ms);
      await settle();
    },
    /** Time passes until a new socket is opened; says how much. */
    async next(most = 60_000) {
      const before = sockets.length;
      let passed = 0;
      while (sockets.length === before) {
        if (passed > most) throw new Error(`no new connection within ${most} ms`);
        await this.pass(10);
        passed += 10;
      }
      return passed;
    },
    async live() {
      this.socket.say(WELCOME);
      await settle();
      return this.socket;
    },
  };
}

/** How a promise ended by now: its value, its error's code, or "pending". */
export async function fate(promise) {
  const pending = Symbol();
  const value = await Promise.race([promise.catch((error) => error.code ?? error), settle().then(() => pending)]);
  return value === pending ? "pending" : value;
}
