import assert from "node:assert/strict";
import { test } from "node:test";
import { Stream } from "../../../web/static/stream.js";
import { fate, settle, world } from "./fake.js";

const at = (epoch, offset) => ({ epoch, offset });

/** The room "r" of a client, and the hub's side of it: connect() answers its join, and so on; told() is what listeners heard since. */
async function roomIn(t, options) {
  const w = await world(t);
  const told = [];
  const room = w.hub.join("r", options);
  for (const name of ["gap", "caughtup"]) room.on(name, (event) => told.push([name, event]));
  room.on("message", ({ epoch, offset, missed }) => told.push(missed ? [epoch, offset, missed] : [epoch, offset]));
  await w.live();
  return {
    hub: w.hub,
    pass: w.pass,
    room,
    get socket() {
      return w.socket;
    },
    told: () => told.splice(0),
    say: (...frames) => w.socket.say(...frames.map((frame) => ({ room: "r", ...frame }))),
    /** Answers the join with a log that ends there; returns the join. */
    connect(epoch, offset) {
      const [join] = w.socket.take("join");
      this.say({ type: "joined", ref: join.ref, position: at(epoch, offset), count: 1 });
      return join;
    },
    message: (...offsets) => offsets.forEach((offset) => w.socket.say({ type: "message", room: "r", offset, from: "x", time: 1, data: "" })),
    async reconnect() {
      w.socket.drop();
      await w.next();
      await w.live();
    },
  };
}

test("a room asks for what follows what it has, and passes each message on once", async (t) => {
  const r = await roomIn(t, { last: 50, presence: true });
  assert.deepEqual({ ...r.connect("a", 57), ref: 0 }, { type: "join", ref: 0, room: "r", last: 50, presence: true });
  r.message(30, 31, 32);
  await r.reconnect();
  r.message(33); // before joined: nobody's
  assert.deepEqual({ ...r.connect("a", 60), ref: 0 }, { type: "join", ref: 0, room: "r", after: at("a", 32), presence: true });
  r.message(32, 33, 34, 34);
  assert.deepEqual(r.told(), [["a", 30], ["a", 31], ["a", 32], ["a", 33], ["a", 34]]);
  r.message(...Array.from({ length: 26 }, (_, i) => 35 + i));
  assert.deepEqual(r.told().at(-1), ["caughtup", { count: 28, missed: 0, anew: false }]);
});

test("a position from an earlier life goes before last, and holes behind it are ours", async (t) => {
  const r = await roomIn(t, { last: 50, after: at("a", 7) });
  assert.deepEqual(r.room.position, at("a", 7));
  const joined = [];
  r.room.on("joined", (event) => joined.push(event));
  const { last, after } = r.connect("a", 12);
  assert.deepEqual({ last, after }, { last: undefined, after: at("a", 7) });
  assert.deepEqual(joined, [{ position: at("a", 12), count: 1, resumed: true, behind: 5 }]);
  r.say({ type: "gap", from: 8, to: 9, reason: "trimmed" });
  r.message(10, 11, 12);
  assert.deepEqual(r.told(), [
    ["gap", { reason: "trimmed", epoch: "a", from: 8, to: 9, count: 2 }],
    ["a", 10, 2],
    ["a", 11],
    ["a", 12],
    ["caughtup", { count: 3, missed: 2, anew: false }],
  ]);
});

test("cut before the first message of a join with last: it comes back for them, and older holes are not its own", async (t) => {
  const r = await roomIn(t, { last: 50 });
  r.connect("a", 100);
  await r.reconnect();
  assert.deepEqual(r.connect("a", 110).after, at("a", 50));
  r.say({ type: "gap", from: 51, to: 103, reason: "trimmed" });
  r.message(104, 105, 106, 107, 108, 109, 110);
  assert.deepEqual(r.told().slice(0, 2), [["gap", { reason: "trimmed", epoch: "a", from: 101, to: 103, count: 3 }], ["a", 104, 3]]);
});

test("cut before the first message: what comes first then is no matter of chance any more", async (t) => {
  const r = await roomIn(t, { last: 3 });
  r.connect("a", 10);
  await r.reconnect();
  r.connect("a", 15);
  r.message(13); // 8 to 10 are older than our joining, 11 and 12 should have come
  assert.deepEqual(r.told(), [["gap", { reason: "lost", epoch: "a", from: 11, to: 12, count: 2 }], ["a", 13, 2]]);
});

test("a hole is never silent, not even one that the hub forgot to mention", async (t) => {
  const r = await roomIn(t);
  r.connect("a", 5);
  r.message(6, 9);
  assert.deepEqual(r.told(), [["a", 6], ["gap", { reason: "lost", epoch: "a", from: 7, to: 8, count: 2 }], ["a", 9, 2]]);
});

test("another epoch: the log from its first message, and caught up at its end", async (t) => {
  const r = await roomIn(t);
  r.connect("a", 5);
  await r.reconnect();
  r.connect("b", 4);
  r.say({ type: "gap", epoch: "b", reason: "epoch" }, { type: "gap", from: 1, to: 2, reason: "trimmed" });
  r.message(3, 4);
  assert.deepEqual(r.told(), [
    ["gap", { reason: "epoch", epoch: "b", count: null }],
    ["gap", { reason: "trimmed", epoch: "b", from: 1, to: 2, count: 2 }],
    ["b", 3, Infinity],
    ["b", 4],
    ["caughtup", { count: 2, missed: 2, anew: true }],
  ]);
  await r.reconnect();
  assert.deepEqual(r.connect("b", 4).after, at("b", 4));
});

test("an epoch that begins while we are there", async (t) => {
  const r = await roomIn(t);
  r.connect("a", 5);
  r.message(6);
  r.say({ type: "gap", epoch: "b", reason: "epoch" });
  assert.deepEqual(r.room.position, at("b", 0));
  r.message(1);
  await r.reconnect();
  assert.deepEqual(r.connect("b", 1).after, at("b", 1));
  assert.deepEqual(r.told().slice(1), [["gap", { reason: "epoch", epoch: "b", count: null }], ["b", 1, Infinity], ["caughtup", { count: 0, missed: 0, anew: false }]]);
});

test("an empty log again, but another one: the hub says nothing of it, we do", async (t) => {
  const r = await roomIn(t, { last: 50 });
  r.connect("a", 0);
  await r.reconnect();
  assert.deepEqual(r.connect("b", 0).after, at("a", 0));
  r.message(1);
  await r.reconnect();
  r.connect("b", 1);
  assert.deepEqual(r.told(), [
    ["gap", { reason: "epoch", epoch: "b", count: null }],
    ["caughtup", { count: 0, missed: 0, anew: true }],
    ["b", 1, Infinity],
    ["caughtup", { count: 0, missed: 0, anew: false }],
  ]);
});

test("a log that is shorter than what we have begins anew, though it has the same name", async (t) => {
  const r = await roomIn(t, { after: at("a", 9) });
  const joined = [];
  r.room.on("joined", ({ behind }) => joined.push(behind));
  r.connect("a", 2);
  assert.deepEqual([joined, r.told()], [[null], []]);
  r.say({ type: "gap", epoch: "a", reason: "epoch" });
  r.message(1, 2);
  assert.deepEqual(r.told().slice(1), [["a", 1, Infinity], ["a", 2], ["caughtup", { count: 2, missed: 0, anew: true }]]);
});

test("echo: false: no listener hears it, its offset counts, and its coming is an answer", async (t) => {
  const r = await roomIn(t);
  r.connect("a", 0);
  const own = (offset, key, from = "alice") => r.say({ type: "message", offset, from, time: 1, key, data: "" });
  const [one, two] = ["k1", "k2"].map((key) => r.room.publish("hush", { key, echo: false }));
  const three = r.room.publish("aloud", { key: "k3" });
  const [{ ref }] = r.socket.take("publish");
  r.say({ type: "published", ref, position: at("a", 2) });
  await one;
  r.message(1); // the answer went before what came before it
  own(2, "k1");
  own(3, "k2", "bob"); // his key, by chance
  assert.deepEqual(r.room.position, at("a", 3));
  await r.reconnect();
  assert.deepEqual(r.connect("a", 5).after, at("a", 3)); // published on another connection, it comes here too
  own(4, "k2");
  own(5, "k3");
  assert.deepEqual(await Promise.all([two, three]), [at("a", 4), at("a", 5)]);
  own(6, "k2"); // five minutes later: another message
  assert.deepEqual(r.told(), [["a", 1], ["a", 3], ["a", 5], ["caughtup", { count: 2, missed: 0, anew: false }], ["a", 6]]);
});

test("echo: false: a hole that takes the message leaves nothing behind", async (t) => {
  const r = await roomIn(t);
  r.connect("a", 0);
  const keys = ["k1", "k2", "k3", "k4"];
  const acked = keys.map((key) => r.room.publish("hush", { key, echo: false }));
  const refs = r.socket.take("publish").map(({ ref }) => ref);
  const answer = async (i, position) => {
    r.say({ type: "published", ref: refs[i], position });
    await acked[i];
  };
  const own = (offset, key) => r.say({ type: "message", offset, from: "alice", time: 1, key, data: "" });
  await answer(0, at("a", 1));
  r.say({ type: "gap", from: 1, to: 2, reason: "trimmed" });
  await answer(1, at("a", 2));
  own(3, "k1"); // as if five minutes had passed, and the keys were used again
  own(4, "k2");
  await answer(2, at("a", 5));
  await answer(3, at("b", 1)); // ahead of the word that the epoch is another
  r.say({ type: "gap", epoch: "b", reason: "epoch" });
  own(1, "k4");
  own(2, "k3");
  assert.deepEqual(r.told().filter(([name]) => name !== "gap"), [["a", 3, 2], ["a", 4], ["b", 2, Infinity]]);
});

// ---- joining and leaving ----------------------------------------------------------------------------------------

test("ready waits for the hub's word, whatever it is", async (t) => {
  const r = await roomIn(t);
  const early = r.room.ready();
  assert.equal(await fate(early), "pending");
  r.connect("a", 0);
  assert(r.room.joined);
  await Promise.all([early, r.room.ready()]);

  const errors = [];
  const other = r.hub.join("@bob");
  other.on("error", ({ code }) => errors.push(code));
  const fates = [other.ready()];
  const iteration = other[Symbol.asyncIterator]().next();
  r.say({ type: "error", ref: r.socket.take("join")[0].ref, code: "forbidden", message: "no" });
  fates.push(other.ready(), iteration, other[Symbol.asyncIterator]().next());
  assert.deepEqual(await Promise.all(fates.map(fate)), ["forbidden", "forbidden", "forbidden", "forbidden"]);
  await r.reconnect(); // it asks again: there may be a right now
  const hopeful = other.ready();
  assert.equal(await fate(hopeful), "pending");
  const [, { ref }] = r.socket.take("join");
  r.socket.say({ type: "error", ref, code: "forbidden", message: "no" });
  assert.equal(await fate(hopeful), "forbidden");
  assert.deepEqual(errors, ["forbidden", "forbidden"]);
  other.leave();
  assert.deepEqual(r.socket.take("leave"), [], "there is nothing to leave");
});

test("a join that is refused for a while is tried again after the pause, and at once on another connection", async (t) => {
  const r = await roomIn(t);
  const refuse = () => {
    const [{ ref }] = r.socket.take("join");
    r.say({ type: "error", ref, code: "unavailable", message: "not now", retry_after: 2 });
  };
  refuse();
  const ready = r.room.ready();
  assert.equal(await fate(ready), "pending");
  await r.pass(3_990); // the pause, and as much again by chance
  assert.deepEqual(r.socket.take("join"), []);
  await r.pass(10);
  refuse();
  await r.reconnect();
  r.connect("a", 0);
  await ready;
  await r.pass(10_000);
  assert.deepEqual(r.socket.take("join"), []);
});

test("left and joined again: what belongs to the earlier stay is nobody's", async (t) => {
  const r = await roomIn(t);
  r.connect("a", 5);
  const ready = r.hub.join("r").ready();
  r.room.leave();
  await ready;
  assert.equal(await fate(r.room.ready()), "left");
  const again = r.hub.join("r");
  assert.notEqual(again, r.room);
  const heard = [];
  again.on("message", ({ offset }) => heard.push(offset));
  const [leave, join] = r.socket.take();
  assert.deepEqual([leave.type, join.type], ["leave", "join"]);
  r.message(6);
  r.say({ type: "left" }, { type: "joined", ref: join.ref, position: at("a", 7), count: 1 });
  r.message(8);
  r.room.leave(); // it is not the room's any more
  assert.deepEqual(r.socket.take(), []);
  assert.deepEqual(heard, [8]);
  assert.deepEqual(r.told(), []);
});

test("left from within a listener: nothing more comes", async (t) => {
  const r = await roomIn(t);
  r.connect("a", 5);
  r.room.on("gap", () => r.room.leave());
  r.message(7, 8);
  assert.deepEqual(r.told(), [["gap", { reason: "lost", epoch: "a", from: 6, to: 6, count: 1 }]]);
});

test("names that are none are refused where they are said", async (t) => {
  const { hub } = await world(t);
  for (const name of ["", "a\n", "r".repeat(256)]) assert.throws(() => hub.join(name), TypeError);
  assert.equal(hub.inbox.name, "@alice");
  assert.equal(hub.inbox, hub.join("@alice"));
});

test("presence and signals pass through; history and members are read", async (t) => {
  const r = await roomIn(t);
  r.connect("a", 5);
  const told = [];
  for (const name of ["presence", "signal"]) r.room.on(name, (event) => told.push(event));
  r.say({ type: "presence", joined: ["bob"], left: [], count: 2 }, { type: "presence", count: 201 });
  r.say({ type: "signal", from: "bob", base64: "AA==" });
  assert.deepEqual(told, [{ joined: ["bob"], left: [], count: 2 }, { count: 201 }, { from: "bob", kind: "binary", data: new Uint8Array(1) }]);

  const members = r.room.members();
  const [newest, older] = [r.room.history(), r.room.history({ before: 5, limit: 1 })];
  const [m, h1, h2] = r.socket.take();
  assert.deepEqual(m, { type: "members", ref: m.ref, room: "r" });
  assert.deepEqual(h1, { type: "history", ref: h1.ref, room: "r" });
  assert.deepEqual(h2, { type: "history", ref: h2.ref, room: "r", epoch: "a", before: 5, limit: 1 });
  const who = [{ client: "alice", connections: 1 }];
  r.say({ type: "members", ref: m.ref, count: 1, members: who });
  assert.deepEqual(await members, { count: 1, members: who });
  await r.reconnect(); // a question is asked again
  r.say({ type: "history", ref: h2.ref, epoch: "a", first: 1, last: 5, messages: [{ offset: 4, from: "bob", time: 9, base64: "AQ==" }] });
  const page = await older;
  assert.deepEqual({ ...page, messages: 0 }, { epoch: "a", first: 1, last: 5, messages: 0 });
  assert.deepEqual(page.messages, [{ offset: 4, epoch: "a", from: "bob", time: 9, key: undefined, kind: "binary", data: new Uint8Array([1]) }]);
  assert.equal(await fate(newest), "pending");
});

// ---- iteration --------------------------------------------------------------------------------------------------

test("iterating: messages from here on, across connections, until the room is left", async (t) => {
  const r = await roomIn(t);
  r.connect("a", 0);
  r.message(1);
  const seen = [];
  const loop = (async () => {
    for await (const { offset, missed } of r.room) seen.push([offset, missed]);
  })();
  r.message(2, 3);
  await settle();
  assert.deepEqual(seen, [[2, 0], [3, 0]]);
  await r.reconnect();
  r.connect("a", 6);
  r.say({ type: "gap", from: 4, to: 5, reason: "trimmed" });
  r.message(6);
  r.room.leave();
  await loop;
  assert.deepEqual(seen, [[2, 0], [3, 0], [6, 2]]);
  for await (const _ of r.room) assert.fail("it was left");
});

test("iterating: a loop that is left leaves nothing behind, and refusal is thrown", async (t) => {
  const r = await roomIn(t);
  r.connect("a", 0);
  const loop = (async () => {
    for await (const { offset } of r.room) return offset;
  })();
  r.message(1, 2);
  assert.equal(await loop, 1);
  const next = r.room[Symbol.asyncIterator]().next();
  r.socket.drop(4502);
  assert.equal(await fate(next), "refused");
});

test("a stream hands on what came before its end or its failure, and does not grow without bound", async () => {
  const ended = new Stream(() => {});
  [1, 2].forEach((n) => ended.push(n));
  ended.end();
  ended.push(3);
  const got = [];
  for await (const n of ended) got.push(n);
  assert.deepEqual(got, [1, 2]);

  const slow = new Stream(() => {});
  for (let i = 0; i <= 10_000; i++) slow.push(i);
  for (let i = 0; i < 10_000; i++) assert.equal((await slow.next()).value, i);
  await assert.rejects(slow.next(), { code: "slow" });
  assert.deepEqual(await slow.next(), { value: undefined, done: true });

  const steady = new Stream(() => {});
  for (let i = 0; i < 30_000; i++) {
    steady.push(i);
    if (i >= 100) assert.equal((await steady.next()).value, i - 100);
  }
});
