import assert from "node:assert/strict";
import { test } from "node:test";
import { Hubbub } from "../../../web/static/hubbub.js";
import { fate, settle, world } from "./fake.js";

// Everything about coming back, without a network and without waiting.

test("the address and the dialect", async (t) => {
  class WebSocket {}
  globalThis.location = { href: "https://page/chat/#lobby" };
  t.after(() => delete globalThis.location);
  for (const [url, at] of [
    ["/ws", "wss://page/ws/a%20b"],
    ["ws", "wss://page/chat/ws/a%20b"],
    ["ws://h/ws", "ws://h/ws/a%20b"],
    ["http://h:1/ws/", "ws://h:1/ws/a%20b"],
    ["https://h/x/ws?q=1#there", "wss://h/x/ws/a%20b?q=1"],
    [new URL("wss://h"), "wss://h/a%20b"],
  ]) {
    let opened;
    const hub = new Hubbub(url, { client: "a b", WebSocket: class { constructor(...args) { opened = args; } close() {} } });
    await settle();
    assert.deepEqual(opened, [at, ["hubbub.v1"]]);
    hub.close();
  }
  const refused = (url, options, words) => assert.throws(() => new Hubbub(url, options), { name: "TypeError", message: words });
  refused("ftp://h/ws", { client: "a", WebSocket }, /wss:\/\//);
  refused("ws://", { client: "a", WebSocket }, /Invalid URL/);
  refused("ws://h/ws", { WebSocket }, /client/);
  refused("ws://h/ws", { client: "@a", WebSocket }, /@/);
  refused("ws://h/ws", { client: "a", WebSocket: undefined }, globalThis.WebSocket ? /never/ : /import one/);
});

test("pauses grow to 20 s at most, and begin anew after a connection that held", async (t) => {
  const w = await world(t);
  const pauses = [];
  for (let i = 0; i < 9; i++) {
    w.socket.drop();
    pauses.push(await w.next());
  }
  assert.deepEqual(pauses, [200, 400, 800, 1600, 3200, 6400, 12_800, 20_000, 20_000]);
  await w.live();
  w.socket.drop(); // at once: that is not a connection that held
  assert.equal(await w.next(), 20_000);
  await w.live();
  await w.pass(6_000);
  w.socket.drop();
  assert.equal(await w.next(), 200);
});

test("a try without a welcome is given up after 10 s", async (t) => {
  const w = await world(t);
  const first = w.socket;
  await w.pass(10_000);
  assert.equal(first.closed, 1005);
  assert.equal(await w.next(), 200);
  first.say({ type: "welcome", limits: {} }); // nobody listens any more
  assert.equal(w.hub.state.name, "connecting");
});

test("what is no hub is let go", async (t) => {
  const w = await world(t);
  w.socket.onmessage({ data: "Echo: what?" });
  assert.equal(w.hub.state.reason, "what answers there is no hub");
  await w.next();
});

for (const [code, pause] of [[1000, 200], [1011, 200], [1012, 800], [1013, 3200], [4000, 3200], [4001, 3200], [4499, 3200]]) {
  test(`${code}: comes back within ${pause} ms`, async (t) => {
    const w = await world(t);
    await w.live();
    w.socket.drop(code, "why");
    assert.deepEqual(w.hub.state, { name: "offline", since: Date.now(), retryAt: Date.now() + pause, code, reason: "why" });
    assert.equal(await w.next(), pause);
    await w.live();
    assert.deepEqual(w.states, ["connecting", "live", "offline", "live"]);
  });
}

for (const code of [4500, 4502, 4503, 4999]) {
  test(`${code}: does not come back unless told to`, async (t) => {
    const w = await world(t, { token: "t" });
    await w.live();
    const room = w.hub.join("lobby");
    const ready = fate(room.ready());
    const acked = fate(w.hub.publish("lobby", "hi"));
    w.socket.drop(code, "no");
    assert.deepEqual(await Promise.all([ready, acked]), ["refused", "refused"]);
    assert.equal(w.hub.state.name, "refused");
    assert.equal(w.hub.state.reason, "no");
    assert.equal(await fate(w.hub.publish("lobby", "hi")), "refused");
    assert.equal(await fate(room.members()), "refused");
    assert.equal(await fate(w.hub.join("attic").ready()), "refused");
    await w.pass(120_000);
    assert.equal(w.sockets.length, 1);
    w.hub.retry();
    assert.equal(await fate(room.ready()), "pending");
    assert.equal(w.sockets.length, 2);
    const later = room.publish("again");
    await w.live();
    assert.deepEqual(w.socket.take("join").map(({ room }) => room), ["lobby", "attic"]);
    assert.equal(w.socket.take("publish")[0].data, "again");
    w.hub.close();
    assert.equal(await fate(later), "closed");
  });
}

test("close: nothing more happens, and everything is told so", async (t) => {
  const w = await world(t);
  const socket = await w.live();
  const room = w.hub.join("lobby");
  const fates = [w.hub.publish("lobby", 1), room.members(), room.ready()].map(fate);
  w.hub.close();
  assert.deepEqual(await Promise.all(fates), ["closed", "closed", "closed"]);
  assert.equal(socket.closed, 1000);
  assert.equal(await fate(w.hub.publish("lobby", 1)), "closed");
  assert.equal(w.hub.signal("lobby", 1), false);
  assert.equal(await fate(w.hub.join("attic").ready()), "closed");
  w.hub.retry();
  await settle();
  await w.pass(120_000);
  assert.equal(w.sockets.length, 1);
  assert.deepEqual(w.states, ["connecting", "live", "closed"]);
});

test("listeners that act on the state at once", async (t) => {
  const w = await world(t);
  const off = w.hub.on("state", ({ name }) => name === "offline" && w.hub.retry());
  await w.live();
  w.socket.drop();
  await settle();
  assert.equal(w.sockets.length, 2);
  off();
  w.hub.on("state", ({ retryAt }) => retryAt === null && w.hub.close());
  w.socket.drop();
  await w.pass(60_000);
  assert.equal(w.sockets.length, 2);
  assert.equal(w.hub.state.name, "closed");
});

// ---- alive? -----------------------------------------------------------------------------------------------------

test("a silent connection is asked, and given up if it says nothing within 8 s", async (t) => {
  const w = await world(t);
  const socket = await w.live();
  await w.pass(25_000);
  assert.deepEqual(socket.take(), []);
  await w.pass(1_000);
  assert.deepEqual(socket.take(), [{ type: "ping" }]);
  socket.say({ type: "pong", time: 1 });
  await w.pass(25_000);
  assert.deepEqual(socket.take(), []);
  await w.pass(1_000);
  assert.equal(socket.take("ping").length, 1);
  await w.pass(8_000);
  assert.equal(w.hub.state.name, "live");
  await w.pass(1_000);
  assert.equal(w.hub.state.name, "offline");
  assert.equal(w.hub.state.reason, "no answer to a ping");
  assert.equal(socket.closed, 1005);
  await w.next();
});

test("the hub's own interval counts, and whatever it says is a sign of life", async (t) => {
  const w = await world(t);
  w.socket.say({ type: "welcome", ping: 60, limits: {} });
  for (let i = 0; i < 20; i++) {
    await w.pass(50_000);
    w.socket.say({ type: "from a later version" });
  }
  assert.deepEqual(w.socket.take(), []);
});

test("an answer that does not come is a reason to ask", async (t) => {
  const w = await world(t);
  const socket = await w.live();
  w.hub.publish("lobby", "hi").catch(() => {});
  await w.pass(7_000);
  assert.deepEqual(socket.take().map(({ type }) => type), ["publish", "ping"]);
  await w.pass(9_000);
  assert.equal(w.hub.state.name, "offline");
});

/** A page around the client: browser(t).fire("online"), and so on. */
function browser(t) {
  const page = new EventTarget();
  const seen = Object.assign(new EventTarget(), { visibilityState: "visible" });
  globalThis.addEventListener = page.addEventListener.bind(page);
  globalThis.removeEventListener = page.removeEventListener.bind(page);
  globalThis.document = seen;
  t.after(() => {
    delete globalThis.addEventListener;
    delete globalThis.removeEventListener;
    delete globalThis.document;
  });
  return {
    fire: (name) => page.dispatchEvent(new Event(name)),
    show(visibility) {
      seen.visibilityState = visibility;
      seen.dispatchEvent(new Event("visibilitychange"));
    },
  };
}

test("it wakes up when the network is back and when the tab is looked at", async (t) => {
  const page = browser(t);
  const w = await world(t);
  for (let i = 0; i < 8; i++) {
    w.socket.drop();
    await w.next();
  }
  let tries;
  for (const wake of [() => page.fire("online"), () => page.show("visible")]) {
    tries = w.sockets.length;
    w.socket.drop();
    page.show("hidden");
    await settle();
    assert.equal(w.sockets.length, tries);
    wake();
    await settle();
    assert.equal(w.sockets.length, tries + 1);
    wake(); // one try at a time
    await settle();
    assert.equal(w.sockets.length, ++tries);
  }
  w.socket.drop();
  page.fire("offline");
  await settle();
  assert.equal(w.sockets.length, tries);
  page.fire("online");
  await settle();

  const socket = await w.live();
  const pings = () => socket.take("ping").length;
  page.show("visible");
  assert.equal(pings(), 0, "it has just heard from the hub");
  page.fire("offline");
  page.fire("online");
  assert.equal(pings(), 1, "it may have been another network");
  socket.say({ type: "pong" });
  await w.pass(6_000);
  page.show("hidden");
  assert.equal(pings(), 0);
  page.show("visible");
  assert.equal(pings(), 1);
  w.hub.close();
  page.fire("online");
  await w.pass(60_000);
  assert.equal(w.socket, socket);
});

// ---- tokens -----------------------------------------------------------------------------------------------------

test("a token is offered beside the dialect; a function is asked at every connect", async (t) => {
  const tokens = ["one", "two", undefined];
  const w = await world(t, { token: async () => tokens.shift() });
  const offers = [w.socket.protocols];
  for (let i = 0; i < 2; i++) {
    w.socket.drop();
    await w.next();
    offers.push(w.socket.protocols);
  }
  assert.deepEqual(offers, [["hubbub.v1", "bearer.one"], ["hubbub.v1", "bearer.two"], ["hubbub.v1"]]);
});

test("a token function that fails is asked again, and one that never answers too", async (t) => {
  let answer = () => Promise.reject(new Error("the shop is shut"));
  const errors = [];
  const w = await world(t, { token: () => answer() });
  w.hub.on("error", ({ code, message }) => errors.push([code, message]));
  assert.equal(w.sockets.length, 0);
  assert.equal(w.hub.state.reason, "no token: the shop is shut");
  let late;
  answer = () => new Promise((resolve) => (late = resolve));
  await w.pass(200);
  await w.pass(10_000);
  assert.equal(w.hub.state.reason, "no answer");
  answer = () => {
    throw new Error("nor now");
  };
  await w.pass(400);
  assert.equal(w.hub.state.reason, "no token: nor now");
  late("too late");
  answer = () => "at last";
  assert.equal(await w.next(), 800);
  assert.deepEqual(w.socket.protocols, ["hubbub.v1", "bearer.at last"]);
  assert.deepEqual(errors, [["token", "no token: nor now"]]); // the first was before anybody listened
});

test("4501: a function is asked for another token; the same one again is refused without a try", async (t) => {
  const tokens = ["old", "new", "new"];
  const w = await world(t, { token: () => tokens.shift() });
  await w.live();
  w.socket.drop(4501, "expired");
  assert.equal(w.hub.state.name, "offline");
  assert.equal(await w.next(), 200);
  await w.live();
  w.socket.drop(4500, "bad");
  await w.pass(20_000);
  assert.equal(w.sockets.length, 2);
  assert.deepEqual({ ...w.hub.state, since: 0 }, { name: "refused", since: 0, retryAt: null, code: 4500, reason: "bad" });
  tokens.push("new");
  w.hub.retry(); // whoever says so gets a try even with that one
  await settle();
  assert.equal(w.sockets.length, 3);
});

test("a socket that cannot even be made is a refusal, in its own words", async (t) => {
  class Never {
    constructor() {
      throw new SyntaxError("no such subprotocol");
    }
  }
  const w = await world(t, { WebSocket: Never, token: "a b" });
  assert.equal(w.hub.state.name, "refused");
  assert.equal(w.hub.state.reason, "no such subprotocol");
  assert.equal(await fate(w.hub.publish("r", 1)), "refused");
});
