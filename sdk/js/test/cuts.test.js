import assert from "node:assert/strict";
import { test } from "node:test";
import WebSocket from "ws";
import { Hub } from "../../../e2e/hub.js";
import { Hubbub } from "../../../web/static/hubbub.js";
import { Cutter, randomFrom } from "./cutter.js";
import { redis } from "./redis.js";

// The promise of the library, against the built hub: whatever happens to connections, every member of a room has every message
// once and in order, and what publish resolved with is where it is. SEED=n repeats what chance decided here, though not
// what the machine made of it.

const seed = Number(process.env.SEED) || Math.floor(Math.random() * 2 ** 31);
const MEMBERS = 4;
const IN_FLIGHT = 12; // publishes that a member does not wait for

async function until(true_, what) {
  const deadline = Date.now() + 40_000;
  while (!true_()) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen within 40 s`);
    await new Promise((done) => setTimeout(done, 2));
  }
}

/** A hub of some instances, its members, and a road for each of them, which leads to one or another instance each time. */
async function town(t, instances, ...args) {
  t.diagnostic(`SEED=${seed}`);
  const random = randomFrom(seed);
  const servers = Array.from({ length: instances }, () => new Hub(...args));
  const members = [];
  t.after(async () => {
    for (const { hub, road } of members) hub.close(), road.end();
    await Promise.all(servers.map((server) => server.stop("SIGKILL")));
  });
  for (const server of servers) await server.start();
  const somewhere = () => servers[Math.floor(random() * instances)].port;
  for (let i = 0; i < MEMBERS; i++) {
    const client = `member ${i}`;
    const road = await new Cutter(somewhere, random).listen();
    members.push({ client, road, hub: come(road, client), said: 0, publishes: [] });
  }
  for (const member of members) Object.assign(member, hear(member.hub.join("room")));
  await Promise.all(members.map(({ room }) => room.ready()));
  const calm = (is) => members.forEach(({ road }) => (road.calm = is));
  return { servers, random, members, calm, cuts: () => members.reduce((sum, { road }) => sum + road.cuts, 0) };
}

/** How long it waits is tested elsewhere: here it comes back at once, as long as there is somebody to come back to. */
function come(road, client) {
  const hub = new Hubbub(road.url, { client, WebSocket });
  hub.on("state", ({ retryAt }) => retryAt && !road.closed && setImmediate(() => hub.retry()));
  return hub;
}

/** All that a room hands on, in its order: messages as they are, and gaps. */
function hear(room) {
  const heard = [];
  room.on("message", (message) => heard.push(message));
  room.on("gap", (gap) => heard.push({ gap }));
  return { room, heard };
}

/** Publishes on and on until enough() says so; every promise is kept. */
async function chatter(member, enough, publish) {
  while (!enough()) {
    const nth = member.said++;
    const data = `${member.client} says ${String(nth).padStart(5, "0")} ${"x".repeat((nth * 37) % 300)}`;
    const fate = publish(data, nth).then((position) => ({ data, position }));
    fate.catch(() => {}); // it is looked at in the end
    member.publishes.push(fate);
    if (member.publishes.length >= IN_FLIGHT) await member.publishes.at(-IN_FLIGHT).catch(() => {});
  }
}

const numbered = (count) => Array.from({ length: count }, (_, i) => i + 1);

test("hundreds of cuts: every member has every message once and in order, and every publish that resolved is there", { timeout: 50_000 }, async (t) => {
  const { members, calm, cuts } = await town(t, 1, "--history-messages", "100000");
  const enough = () => cuts() >= 400;
  const iterated = [];
  const loop = (async () => {
    for await (const message of members[0].room) iterated.push(message);
  })();

  // Somebody comes by again and again, for the last 20 messages and some more, over a road that is no better.
  const visits = [];
  const visitor = come(members[1].road, "visitor");
  t.after(() => visitor.close());
  const visit = async () => {
    const { room, heard } = hear(visitor.join("room", { last: 20 }));
    const end = await new Promise((resolve) => room.on("joined", ({ position }) => resolve(position.offset)));
    visits.push({ end, heard });
    await until(() => heard.length >= 30 || enough(), "messages for the visitor");
    room.leave();
    if (!enough()) await visit();
  };

  calm(false);
  // The last member does not want to hear itself every third time.
  const silent = (member, nth) => member === members.at(-1) && nth % 3 === 0;
  await Promise.all([visit(), ...members.map((m) => chatter(m, enough, (data, nth) => m.room.publish(data, { echo: !silent(m, nth) })))]);
  calm(true);

  const acked = (await Promise.all(members.flatMap(({ publishes }) => publishes))).sort((a, b) => a.position.offset - b.position.offset);
  const log = acked.map(({ data, position }) => [position.offset, data]);
  assert.deepEqual(log.map(([offset]) => offset), numbered(log.length), "every publish has a place of its own, and all places are taken");
  t.diagnostic(`${cuts()} cuts, ${log.length} messages to each of ${MEMBERS} members, ${visits.length} visits`);

  for (const member of members) {
    const { client, room, heard } = member;
    await until(() => room.position.offset >= log.length, `the last message for ${client}`);
    const unheard = log.filter(([, data]) => data.startsWith(client)).filter((_, nth) => silent(member, nth));
    assert.deepEqual(heard.map(({ offset, data }) => [offset, data]), log.filter((entry) => !unheard.includes(entry)), client);
    assert(heard.every(({ missed }) => missed === 0));
    const own = log.map(([, data]) => data).filter((data) => data.startsWith(client));
    assert.deepEqual(own, [...own].sort(), `${client}'s messages are in the order in which it said them`);
  }
  members[0].room.leave();
  await loop;
  assert.deepEqual(iterated, members[0].heard);
  for (const { end, heard } of visits) {
    const begin = Math.max(0, end - 20);
    assert.deepEqual(heard.map(({ offset, data }) => [offset, data]), log.slice(begin, begin + heard.length), "a visit");
  }
  assert(visits.some(({ heard }) => heard.length >= 30));
});

test("cuts, and little is kept: each offset is a message or in a gap, in its place", { timeout: 50_000 }, async (t) => {
  const { members, calm, cuts, random } = await town(t, 1, "--history-messages", "20");
  calm(false);
  const enough = () => cuts() >= 150;
  // One member is away for a while, again and again, so that it misses more than is kept.
  const [absent, ...others] = members;
  const away = async () => {
    while (!enough()) {
      const from = absent.room.position.offset;
      absent.road.closed = true;
      await until(() => others[0].room.position.offset > from + 60 * random() || enough(), "progress of the others");
      absent.road.closed = false;
      absent.hub.retry();
      await until(() => absent.room.position.offset > from || enough(), "a return");
    }
  };
  await Promise.all([away(), ...others.map((m) => chatter(m, enough, (data) => m.room.publish(data)))]);
  calm(true);

  const acked = await Promise.all(others.flatMap(({ publishes }) => publishes));
  const log = new Map(acked.map(({ data, position }) => [position.offset, data]));
  assert.deepEqual([...log.keys()].sort((a, b) => a - b), numbered(acked.length));
  let gaps = 0;
  for (const { client, room, heard } of members) {
    await until(() => room.position.offset >= acked.length, `the last message for ${client}`);
    let at = 0;
    let missed = 0;
    for (const { gap, ...message } of heard) {
      if (gap) {
        assert.deepEqual([gap.reason, gap.from, gap.count], ["trimmed", at + 1, gap.to - at], client);
        at = gap.to;
        missed += gap.count;
        gaps++;
      } else {
        assert.deepEqual([message.offset, message.data, message.missed], [at + 1, log.get(at + 1), missed], client);
        at++;
        missed = 0;
      }
    }
    assert.equal(at, acked.length);
  }
  assert(gaps > 0, "the absent one has missed something");
  t.diagnostic(`${cuts()} cuts, ${acked.length} messages, ${gaps} gaps`);
});

test("the hub is killed and comes back without memory: a gap says so, and each life is complete from where it began", { timeout: 50_000 }, async (t) => {
  const { servers, members, calm, cuts } = await town(t, 1);
  const [server] = servers;
  calm(false);
  let killed = 0;
  let over = false;
  const kill = async () => {
    const more = async (count) => {
      const before = cuts();
      await until(() => cuts() >= before + count, "more cuts");
    };
    while (killed < 6) {
      await more(15);
      await server.stop(killed++ % 2 ? "SIGTERM" : "SIGKILL");
      await server.start();
    }
    await more(50);
    over = true;
  };
  await Promise.all([kill(), ...members.map((m) => chatter(m, () => over, (data) => m.room.publish(data)))]);
  calm(true);

  const acked = await Promise.all(members.flatMap(({ publishes }) => publishes));
  // What comes last tells the life that lasts, and its end: a member may hear of the others' later than they are acked.
  const { epoch, offset: end } = await members[0].room.publish("the end");
  const last = acked.filter(({ position }) => position.epoch === epoch);
  for (const { client, room, heard } of members) {
    await until(() => room.position.epoch === epoch && room.position.offset >= end, `the end for ${client}`);
    // Within an epoch offsets follow each other; another one begins behind a gap that says so, with 1.
    let at = { epoch: heard[0].epoch, offset: 0 };
    for (const { gap, ...message } of heard) {
      if (gap) {
        assert.equal(gap.reason, "epoch");
        at = { epoch: gap.epoch, offset: 0 };
      } else {
        assert.deepEqual([message.epoch, message.offset], [at.epoch, at.offset + 1], client);
        at.offset++;
      }
    }
    assert.deepEqual(at, room.position);
    // What was acked in the life that lasts is there. What an earlier one acked went with it.
    const now = new Map(heard.filter(({ epoch }) => epoch === at.epoch).map(({ offset, data }) => [offset, data]));
    for (const { position, data } of last) assert.equal(now.get(position.offset), data);
  }
  assert(last.length > 0);
  t.diagnostic(`${killed} kills, ${cuts()} cuts, ${acked.length} publishes, ${last.length} of them in the last life`);
});

test("two instances over Redis, killed in turn: who comes back to the other one goes on there", { timeout: 50_000 }, async (t) => {
  const { servers, members, calm, cuts } = await town(t, 2, "--redis-url", await redis(t), "--history-messages", "100000");
  calm(false);
  let killed = 0;
  let over = false;
  const kill = async () => {
    while (killed < 6) {
      const before = cuts();
      await until(() => cuts() >= before + 20, "more cuts");
      const server = servers[killed % 2];
      await server.stop(killed++ % 3 ? "SIGKILL" : "SIGTERM");
      await server.start();
    }
    over = true;
  };
  await Promise.all([kill(), ...members.map((m) => chatter(m, () => over, (data) => m.room.publish(data)))]);
  calm(true);

  const acked = (await Promise.all(members.flatMap(({ publishes }) => publishes))).sort((a, b) => a.position.offset - b.position.offset);
  const log = acked.map(({ data, position }) => [position.offset, data]);
  assert.deepEqual(log.map(([offset]) => offset), numbered(log.length));
  for (const { client, room, heard } of members) {
    await until(() => room.position.offset >= log.length, `the last message for ${client}`);
    assert.deepEqual(heard.map(({ offset, data, gap }) => gap ?? [offset, data]), log, client);
  }
  t.diagnostic(`${killed} kills, ${cuts()} cuts, ${log.length} messages to each of ${MEMBERS} members`);
});
