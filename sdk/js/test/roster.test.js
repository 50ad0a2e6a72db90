import assert from "node:assert/strict";
import { test } from "node:test";
import { Roster } from "../../../web/static/hubbub.js";
import { settle, world } from "./fake.js";

/** A roster of a joined room; ask() looks at what the hub was asked, answer(...names) answers the latest question. */
async function rosterIn(t) {
  const w = await world(t);
  await w.live();
  const room = w.hub.join("r", { presence: true });
  const roster = new Roster(room);
  let lists = [];
  roster.on("change", ({ count, members }) => lists.push([count, members.map(({ client }) => client).join()]));
  let question;
  const say = (frame) => w.socket.say({ room: "r", ...frame });
  return {
    ...w,
    roster,
    say,
    reconnect: async () => {
      w.socket.drop();
      await w.next();
      await w.live();
    },
    joined: (count) => say({ type: "joined", ref: w.socket.take("join")[0].ref, position: { epoch: "e", offset: 0 }, count }),
    asked() {
      const questions = w.socket.take("members");
      question = questions.at(-1) ?? question;
      return questions.length;
    },
    async answer(...names) {
      say({ type: "members", ref: question.ref, count: names.length, members: names.map((client) => ({ client, connections: 1 })) });
      await settle();
    },
    told() {
      const told = lists;
      lists = [];
      return told;
    },
  };
}

test("a list, and then changes", async (t) => {
  const r = await rosterIn(t);
  r.joined(2);
  assert.equal(r.asked(), 1);
  await r.answer("b", "a");
  r.say({ type: "presence", joined: ["c", "0"], left: ["a"], count: 3 });
  await r.pass(60_000);
  assert.deepEqual(r.told(), [[2, "a,b"], [3, "0,b,c"]]);
  assert.equal(r.asked(), 0);
});

test("what does not add up, or is a count alone, is asked for again, but not each time", async (t) => {
  const r = await rosterIn(t);
  r.joined(1);
  r.asked();
  await r.answer("a");
  for (let count = 2; count < 100; count++) r.say({ type: "presence", count });
  r.say({ type: "presence", joined: [], left: ["nobody"], count: 100 });
  assert.equal(r.asked(), 0);
  await r.pass(3_000);
  assert.equal(r.asked(), 1);
  r.say({ type: "presence", joined: ["z"], left: [], count: 101 }); // did the answer know of this one?
  await r.answer("a", "b");
  await r.pass(3_000);
  assert.equal(r.asked(), 1);
  await r.answer("a", "b", "z");
  await r.pass(60_000);
  assert.deepEqual([r.asked(), r.told().at(-1)], [0, [3, "a,b,z"]]);
});

test("a question that a lost connection has not answered is asked on the next one, and a roster that is stopped asks nothing", async (t) => {
  const r = await rosterIn(t);
  r.joined(1);
  assert.equal(r.asked(), 1);
  await r.reconnect();
  assert.equal(r.asked(), 1);
  r.joined(2);
  assert.equal(r.asked(), 0);
  await r.answer("a", "b");
  assert.deepEqual(r.told(), [[2, "a,b"]]);
  r.say({ type: "presence", count: 3 });
  r.told();
  r.roster.stop();
  await r.pass(60_000);
  await r.reconnect();
  r.joined(3);
  assert.deepEqual([r.asked(), r.told()], [0, []]);
});
