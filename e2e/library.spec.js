import { expect, test } from "@playwright/test";
import { page } from "./modules.js";

const { Outbox } = await page("outbox.js");
const { describe: payload } = await page("payload.js");
const { Room } = await page("room.js");
const { backoff, clientProblem, comesBack, decodePayload, encodePayload, firstAttempt, roomProblem } = await page("rules.js");

// What the page decides, without a browser: pure functions, the outbox, and a room's position.

test("coming back: full jitter up to 20 s, and not after 4500–4999", () => {
  for (const [attempt, most] of [[0, 200], [1, 400], [4, 3200], [6, 12800], [7, 20000], [8, 20000], [1000, 20000]]) {
    expect(backoff(attempt, () => 1)).toBe(most);
    expect(backoff(attempt, () => 0)).toBe(0);
  }
  for (const code of [1000, 1001, 1006, 1009, 1012, 1013, 3000, 4000, 4003, 4499]) expect(comesBack(code)).toBe(true);
  for (const code of [4500, 4501, 4502, 4503, 4999]) expect(comesBack(code)).toBe(false);
  expect(firstAttempt(1006)).toBe(0);
  expect(firstAttempt(1012)).toBeGreaterThan(0);
  expect(firstAttempt(1013)).toBeGreaterThan(firstAttempt(1012));
});

test("names", () => {
  for (const good of ["a", "Ä b", "😀".repeat(32), "...", "a@b", "a$", "\u202e"]) expect(clientProblem(good), good).toBeNull();
  for (const bad of ["", "a/b", "@a", "$a", ".", "..", "a\n", "\u007f", "\u0085", "\ud800", "😀".repeat(33)]) {
    expect(clientProblem(bad), JSON.stringify(bad)).not.toBeNull();
  }
  for (const good of ["a", "a/b", "@a", "$status", "..", "r".repeat(255)]) expect(roomProblem(good), good).toBeNull();
  for (const bad of ["", "a\u0000", "r".repeat(256), "\udc00"]) expect(roomProblem(bad), JSON.stringify(bad)).not.toBeNull();
});

test("payloads travel, and are shown", () => {
  const bytes = Uint8Array.from({ length: 20_000 }, (_, i) => i % 256);
  expect(decodePayload(encodePayload(bytes))).toEqual({ kind: "binary", data: bytes });
  expect(decodePayload({ data: null })).toEqual({ kind: "json", data: null });
  expect(decodePayload({ data: "null" })).toEqual({ kind: "text", data: "null" });
  expect(payload({ kind: "binary", data: bytes })).toMatchObject({ label: "Binary, 19.5 KiB", text: expect.stringMatching(/^00 01 .* 1f …$/) });
  expect(payload({ kind: "json", data: { a: [1, null] } }).text).toBe('{ "a": [ 1, null ] }');
  expect(payload({ kind: "json", data: { a: "x".repeat(80) } }).text).toBe(`{\n  "a": "${"x".repeat(80)}"\n}`);
});

test("the outbox keeps the order, sends again what was not acked, and nothing that may be there twice", async () => {
  const outbox = new Outbox();
  const fates = [];
  const add = (ref, bytes = 10) => {
    const fate = outbox.add({ ref, room: "r", key: `k${ref}`, frame: `f${ref}`, bytes });
    fate.then((position) => fates.push([ref, position]), (error) => fates.push([ref, error.code]));
  };
  const flush = (now, limit = 100) => {
    const sent = [];
    outbox.flush((frame) => sent.push(frame), limit, now);
    return sent;
  };
  [1, 2, 3].forEach((ref) => add(ref));
  add(4, 101);
  expect(flush(1000)).toEqual(["f1", "f2", "f3"]);
  expect(flush(1001)).toEqual([]);
  outbox.acked(2, "p2");
  outbox.unsend();
  add(5);
  expect(flush(2000)).toEqual(["f1", "f3", "f5"]);
  outbox.seen("other room", "k1", "wrong");
  outbox.seen("r", "k1", "p1");
  outbox.postpone(3);
  expect(flush(3000)).toEqual(["f3"]);
  expect(outbox.overdue(9000)).toBe(7000); // since 2000: the fifth
  expect(outbox.overdue(33_000)).toBe(31_000);
  expect(flush(33_001)).toEqual(["f5"]);
  outbox.unsend();
  expect(flush(1000 + 5 * 60_000)).toEqual([]); // both were first sent too long ago
  await Promise.resolve();
  expect(fates).toEqual([[4, "too_large"], [2, "p2"], [1, "p1"], [3, "uncertain"], [5, "uncertain"]]);
  expect(outbox.size).toBe(0);

  for (let ref = 10; ref < 510; ref++) add(ref);
  await expect(outbox.add({ ref: 1000, room: "r", key: "k", frame: "f", bytes: 1 })).rejects.toMatchObject({ code: "queue_full" });
  flush(1);
  outbox.failLargest({ code: "too_large" });
  expect(outbox.size).toBe(499);
});

/** A room on a connection that writes down what it is told. */
function roomWith(options) {
  const sent = [];
  const told = [];
  const room = new Room("r", options, { send: (command) => sent.push(command), seen() {} });
  for (const name of ["gap", "caughtup"]) room.on(name, (event) => told.push([name, event]));
  room.on("message", ({ epoch, offset }) => told.push([epoch, offset]));
  const connect = (ref, epoch, offset) => {
    room.connected(ref);
    room.receive({ type: "joined", ref, position: { epoch, offset }, count: 1 });
    return sent.at(-1);
  };
  const message = (...offsets) => offsets.forEach((offset) => room.receive({ type: "message", offset, from: "x", time: 1, data: "" }));
  const gap = (frame) => room.receive({ type: "gap", ...frame });
  return { room, connect, message, gap, told: () => told.splice(0) };
}

test("a room asks for what follows what it has, and passes each message on once", () => {
  const { room, connect, message, told } = roomWith({ last: 50 });
  expect(connect(1, "a", 57)).toMatchObject({ last: 50 });
  message(30, 31, 32);
  room.disconnected();
  message(33); // nobody's
  expect(connect(2, "a", 60)).toMatchObject({ after: { epoch: "a", offset: 32 } });
  message(32, 33, 34, 34);
  expect(told()).toEqual([["a", 30], ["a", 31], ["a", 32], ["a", 33], ["a", 34]]);
});

test("cut before the first message of a join with last: it comes back for them, and older holes are not its own", () => {
  const { room, connect, message, gap, told } = roomWith({ last: 50 });
  connect(1, "a", 100);
  room.disconnected();
  expect(connect(2, "a", 110)).toMatchObject({ after: { epoch: "a", offset: 50 } });
  gap({ from: 51, to: 103, reason: "trimmed" });
  message(104, 105, 106, 107, 108, 109, 110);
  expect(told().slice(0, 2)).toEqual([["gap", { reason: "trimmed", epoch: "a", from: 101, to: 103, count: 3 }], ["a", 104]]);
});

test("a hole is never silent, not even one that the hub forgot to mention", () => {
  const { connect, message, told } = roomWith({});
  connect(1, "a", 5);
  message(6, 9);
  expect(told()).toEqual([["a", 6], ["gap", { reason: "lost", epoch: "a", from: 7, to: 8, count: 2 }], ["a", 9]]);
});

test("another epoch: the log from its first message, and caught up at its end", () => {
  const { room, connect, message, gap, told } = roomWith({});
  connect(1, "a", 5);
  room.disconnected();
  connect(2, "b", 4);
  gap({ epoch: "b", reason: "epoch" });
  gap({ from: 1, to: 2, reason: "trimmed" });
  message(3, 4);
  expect(told()).toEqual([
    ["gap", { reason: "epoch", epoch: "b" }],
    ["gap", { reason: "trimmed", epoch: "b", from: 1, to: 2, count: 2 }],
    ["b", 3],
    ["b", 4],
    ["caughtup", { count: 2, missed: 2, anew: true }],
  ]);
  expect(room.position).toEqual({ epoch: "b", offset: 4 });
});

test("nothing seen and nothing there: no gap to speak of, whatever the epoch", () => {
  const { room, connect, message, told } = roomWith({ last: 50 });
  connect(1, "a", 0);
  room.disconnected();
  expect(connect(2, "b", 0)).toMatchObject({ after: { epoch: "a", offset: 0 } });
  message(1);
  expect(told()).toEqual([["caughtup", { count: 0, missed: 0, anew: false }], ["b", 1]]);
});
