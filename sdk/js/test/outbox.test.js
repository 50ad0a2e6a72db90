import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "../../../web/static/outbox.js";
import { fate, settle, world } from "./fake.js";

const at = (offset) => ({ epoch: "e", offset });
const keys = (frames) => frames.map(({ key }) => key);

/** An outbox, what it sends by when, and how each promise ended. */
function outboxWith(options) {
  const outbox = new Outbox(options);
  const fates = [];
  return {
    outbox,
    fates,
    add(ref, frame = `f${ref}`, key = `k${ref}`) {
      const answered = outbox.add({ ref, room: "r", key, frame });
      answered.then((value) => fates.push([ref, value]), (error) => fates.push([ref, error.code]));
      return answered;
    },
    flush(now, limit = 100) {
      const sent = [];
      outbox.flush((frame) => sent.push(frame), limit, now);
      return sent;
    },
  };
}

test("it keeps the order, sends again what has no answer, and nothing that may be there twice", async () => {
  const { outbox, fates, add, flush } = outboxWith();
  [1, 2, 3].forEach((ref) => add(ref));
  add(4, "x".repeat(101));
  assert.deepEqual(flush(1000), ["f1", "f2", "f3"]);
  assert.deepEqual(flush(1001), []);
  outbox.settle(2, "p2");
  outbox.unsend();
  add(5);
  assert.deepEqual(flush(2000), ["f1", "f3", "f5"]);
  outbox.seen("other room", "k1", "wrong");
  outbox.seen("r", "k1", "p1");
  outbox.postpone(5, 3000);
  outbox.postpone(3, 2500);
  assert.deepEqual(flush(2999), []);
  assert.deepEqual(flush(3000), ["f3", "f5"]);
  assert.equal(outbox.overdue(9000), 6000);
  assert.equal(outbox.overdue(33_001), 30_001);
  assert.deepEqual(flush(33_001), ["f3", "f5"]);
  outbox.unsend();
  assert.deepEqual(flush(1000 + 5 * 60_000), []); // the third was first sent too long ago, the fifth too
  await settle();
  assert.deepEqual(fates, [[4, "too_large"], [2, "p2"], [1, "p1"], [3, "uncertain"], [5, "uncertain"]]);
  assert.equal(outbox.unacked, 0);
});

test("a question has no key that the hub could forget", async () => {
  const { outbox, flush } = outboxWith();
  const answer = outbox.add({ ref: 1, frame: "?" });
  assert.equal(outbox.unacked, 0);
  flush(1000);
  outbox.unsend();
  assert.deepEqual(flush(3_600_000), ["?"]);
  outbox.settle(1, (sent) => 3_600_042 - sent);
  assert.equal(await answer, 42);
});

test("it is bounded, in commands and in bytes, and what is alone always fits", async () => {
  const few = outboxWith({ messages: 3 });
  for (const ref of [1, 2, 3, 4]) few.add(ref);
  const small = outboxWith({ bytes: 10 });
  small.add(1, "ä".repeat(6)); // 12 bytes
  small.add(2, "");
  small.outbox.settle(1, "p1");
  small.add(3, "xxx");
  small.add(4, "x".repeat(7));
  small.add(5, "x");
  await settle();
  assert.deepEqual(few.fates, [[4, "queue_full"]]);
  assert.deepEqual(small.fates, [[2, "queue_full"], [1, "p1"], [5, "queue_full"]]);
  const none = outboxWith();
  for (let ref = 1; ref <= 1000; ref++) none.add(ref);
  await assert.rejects(none.add(1001), { code: "queue_full", message: /^1000 commands of 3893 bytes wait .*: wait for some/ });
});

test("too big for the hub: the largest that is under way", async () => {
  const { outbox, fates, add, flush } = outboxWith();
  ["a", "ccc", "bb"].forEach((frame, ref) => add(ref, frame));
  flush(1);
  add(4, "dddd");
  outbox.failLargest();
  await settle();
  assert.deepEqual(fates, [[1, "too_large"]]);
});

// ---- as the client uses it --------------------------------------------------------------------------------------

test("published while offline: sent when there is a connection, once each, with the same key", async (t) => {
  const w = await world(t);
  const first = w.hub.publish("lobby", "one", { key: "k1" });
  const second = w.hub.publish("@bob", new Uint8Array([255]), { key: "k2" });
  assert.equal(w.hub.unacked, 2);
  let socket = await w.live();
  const sent = socket.take();
  assert.deepEqual(sent, [
    { type: "publish", ref: sent[0].ref, room: "lobby", data: "one", key: "k1" },
    { type: "publish", ref: sent[1].ref, room: "@bob", base64: "/w==", key: "k2" },
  ]);
  socket.say({ type: "published", ref: sent[0].ref, room: "lobby", position: at(1) });
  assert.deepEqual(await first, at(1));
  socket.drop();
  assert.equal(await fate(second), "pending");
  await w.next();
  socket = await w.live();
  assert.deepEqual(keys(socket.take()), ["k2"]);
  socket.say({ type: "published", ref: sent[1].ref, room: "@bob", position: at(7), duplicate: true });
  assert.deepEqual(await second, at(7));
  assert.equal(w.hub.unacked, 0);
});

test("rate_limited and unavailable: everything waits for as long as the hub asks, then goes in its order", async (t) => {
  const w = await world(t);
  const socket = await w.live();
  const fates = [1, 2].map((data) => w.hub.publish("lobby", data, { key: `k${data}` }));
  const question = w.hub.ping();
  const [one, two] = socket.take();
  socket.say(
    { type: "error", ref: two.ref, code: "unavailable", message: "not now" },
    { type: "error", ref: one.ref, code: "rate_limited", message: "slowly", retry_after: 5 },
  );
  fates.push(w.hub.publish("lobby", 3, { key: "k3" }));
  await w.pass(4_000);
  assert.deepEqual(socket.take("publish"), []);
  await w.pass(1_000);
  assert.deepEqual(keys(socket.take("publish")), ["k1", "k2", "k3"]);
  assert.deepEqual(await Promise.all([...fates, question].map(fate)), ["pending", "pending", "pending", "pending"]);
});

test("any other error is the caller's", async (t) => {
  const w = await world(t);
  const socket = await w.live();
  const errors = [];
  w.hub.on("error", ({ code }) => errors.push(code));
  const publish = w.hub.publish("$status", 1);
  const history = w.hub.join("lobby").history();
  const [, pub, ask] = [...socket.take("join"), ...socket.take()];
  socket.say(
    { type: "error", ref: pub.ref, code: "forbidden", message: "no" },
    { type: "error", ref: ask.ref, code: "internal", message: "oops", retry_after: 3 },
    { type: "error", code: "bad_request", message: "what?" },
    { type: "error", code: "not_joined", message: "you are not in there" },
  );
  await assert.rejects(publish, { name: "HubbubError", code: "forbidden", message: "no", retryAfter: undefined });
  await assert.rejects(history, { code: "internal", retryAfter: 3 });
  assert.deepEqual(errors, ["bad_request"]);
  const loop = {};
  await assert.rejects(w.hub.publish("lobby", (loop.loop = loop)), TypeError);
});

test("larger than the hub takes: refused without being sent, and if the hub finds so itself", async (t) => {
  const w = await world(t, { queue: { messages: 2 } });
  w.socket.say({ type: "welcome", limits: { message: 200 } });
  assert.equal(w.hub.sizeOf("lobby", ""), 92);
  assert.equal(await fate(w.hub.publish("lobby", "x".repeat(109))), "too_large");
  const fits = w.hub.publish("lobby", "x".repeat(108));
  assert.equal(w.socket.take("publish").length, 1);
  w.socket.drop(1009);
  assert.equal(await fate(fits), "too_large");
  assert.equal(w.hub.state.name, "offline");
  const more = [1, 2, 3].map((data) => w.hub.publish("lobby", data));
  assert.deepEqual(await Promise.all(more.map(fate)), ["pending", "pending", "queue_full"]);
});

test("ping measures the way there and back, and signals do not wait", async (t) => {
  const w = await world(t);
  const ping = w.hub.ping();
  assert.equal(w.hub.signal("lobby", "typing"), false);
  await w.pass(500);
  const socket = await w.live();
  const [{ ref }] = socket.take();
  await w.pass(40);
  socket.say({ type: "pong", ref, time: 1 });
  assert.equal(await ping, 40);
  assert.equal(w.hub.signal("@bob", { typing: true }), true);
  assert.deepEqual(socket.take(), [{ type: "signal", room: "@bob", data: { typing: true } }]);
  assert.throws(() => w.hub.signal("lobby", "x".repeat(70_000)), { code: "too_large", message: /70\d\d\d bytes .*\(65536\)/ });
});
