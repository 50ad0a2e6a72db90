// All that hubbub.d.ts offers, used as a program would: it has to compile, and to come through against a hub.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { Hubbub, HubbubError, Roster, clientProblem, newKey, roomProblem } from "hubbub-client";
import type { Gap, History, Members, Message, Position, Received, Room, State } from "hubbub-client";

const url = `${process.argv[2]}ws`;
const alice = new Hubbub(url, { client: "alice", WebSocket, token: async () => "a.b.c" });
const bob = new Hubbub(new URL(url), { client: "bob", WebSocket, queue: { messages: 10, bytes: 1000 } });

const states: State["name"][] = [];
alice.on("state", ({ name }) => states.push(name));
alice.on("error", (error: HubbubError) => assert.fail(error));

// ---- a room, and who is in it
const room: Room = alice.join("lobby", { last: 50, presence: true });
const heard: Received[] = [];
const gaps: Gap[] = [];
const off = room.on("message", (message) => heard.push(message));
room.on("gap", (gap) => gaps.push(gap));
const signal = new Promise<unknown>((resolve) => room.on("signal", ({ from, data }) => resolve([from, data])));
const roster = new Roster(room);
const both = new Promise<Members>((resolve) => roster.on("change", (members) => members.count === 2 && resolve(members)));

await room.ready();
assert(room.joined);
assert.deepEqual(states, ["live"]);
const there = bob.join("lobby");
await there.ready();
assert.deepEqual(await both, { count: 2, members: [{ client: "alice", connections: 1 }, { client: "bob", connections: 1 }] });
assert.equal((await room.members()).count, 2);

// ---- publishing
const key = newKey();
const first: Position = await bob.publish("lobby", "hi", { key });
assert.deepEqual(await there.publish("hi", { key }), first);
await room.publish({ temperature: 21.5 }, { echo: false });
const last = await there.publish(new Uint8Array([1, 2, 3]));
assert.equal(last.offset, 3);
assert(there.sizeOf("hi") > there.sizeOf(""));
assert.equal(alice.unacked, 0);
assert.equal(there.signal({ typing: true }), true);
assert.deepEqual(await signal, ["bob", { typing: true }]);

// The signal came behind them.
const said = (message: Message): string => {
  switch (message.kind) {
    case "text":
      return message.data.toUpperCase();
    case "json":
      return JSON.stringify(message.data);
    case "binary":
      return String(message.data.byteLength);
  }
};
assert.deepEqual(heard.map(({ offset, from, missed }) => [offset, from, missed]), [[1, "bob", 0], [3, "bob", 0]]);
assert.deepEqual(heard.map(said), ["HI", "3"]);
assert.deepEqual(gaps, []);
off();

// ---- reading
const page: History = await room.history({ before: last.offset, limit: 1 });
assert.deepEqual(page.messages.map(said), ['{"temperature":21.5}']);
assert.equal(page.last, 3);
assert((await alice.ping()) >= 0);

// ---- to one alone
const inbox = alice.inbox;
await inbox.ready();
const letters = (async () => {
  const got: unknown[] = [];
  for await (const { from, data } of inbox) {
    got.push([from, data]);
    if (got.length === 2) return got;
  }
  return got;
})();
await bob.publish("@alice", "psst");
assert.equal(bob.signal("@alice", { typing: true }), true);
await bob.publish("@alice", "are you there?");
assert.deepEqual(await letters, [["bob", "psst"], ["bob", "are you there?"]]);

// ---- a later life of the program
const kept: Position | null = there.position;
there.leave();
const again = bob.join("lobby", { after: { epoch: kept!.epoch, offset: 1 } });
const missed: number[] = [];
again.on("message", ({ offset }) => missed.push(offset));
const { count } = await new Promise<{ count: number }>((resolve) => again.on("caughtup", resolve));
assert.deepEqual([count, missed], [2, [2, 3]]);

// ---- errors
const code = (promise: Promise<unknown>) => promise.then(() => "none", (error: HubbubError) => error.code);
assert.equal(await code(bob.publish("$status", "mine")), "forbidden");
assert.equal(await code(bob.join("@alice").ready()), "forbidden");
assert.equal(await code(bob.publish("", 1)), "bad_request");
assert.equal(await code(Promise.reject(new HubbubError("rate_limited", "slowly", { retryAfter: 2 }))), "rate_limited");
assert.equal(clientProblem("alice"), null);
assert.match(roomProblem("") ?? "", /room/);
assert.equal(alice.limits.message, 65536);

roster.stop();
bob.retry();
for (const hub of [alice, bob]) hub.close();
assert.equal(alice.state.name, "closed");
assert.equal(await code(alice.publish("lobby", "too late")), "closed");

// ---- what the types refuse
() => {
  // @ts-expect-error: somebody has to connect
  new Hubbub(url, {});
  // @ts-expect-error: no such event
  room.on("mesage", () => {});
  // @ts-expect-error: a room is joined, not made
  new Room("lobby");
  // @ts-expect-error: a position is an epoch, too
  alice.join("lobby", { after: 41 });
  // @ts-expect-error: what came may be bytes
  room.on("message", (message) => message.kind !== "json" && message.data.toUpperCase());
  // @ts-expect-error: nobody knows how many
  room.on("gap", ({ count }) => count.toFixed());
  // @ts-expect-error: the state is the hub's to change
  alice.state = { name: "live", since: 0, retryAt: null };
};

console.log("all is well");
