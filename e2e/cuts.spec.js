import WebSocket from "ws";
import { page } from "./modules.js";
import { expect, test } from "./people.js";

const { Hubbub } = await page("hubbub.js");

const MEMBERS = 3;
const EACH = 100;

const pause = (most) => new Promise((done) => setTimeout(done, Math.random() * most));

test("connections cut at random moments: every member has every message once, in the same order", async ({ hub, wire }) => {
  const started = await hub();
  const members = [];
  for (let i = 0; i < MEMBERS; i++) {
    const cable = await wire(started);
    const client = `member ${i}`;
    const member = { client, cable, got: [], gaps: 0, hub: new Hubbub(`${cable.url.replace("http", "ws")}ws`, { client, WebSocket }) };
    member.room = member.hub.join("room");
    member.room.on("message", ({ offset, data }) => member.got.push([offset, data]));
    member.room.on("gap", () => member.gaps++);
    await new Promise((joined) => member.room.on("joined", joined));
    members.push(member);
  }

  let writing = true;
  const cutting = members.map(async ({ cable, hub }) => {
    while (writing) {
      await pause(200);
      cable.cut();
      await pause(40);
      cable.mend();
      hub.retryNow();
    }
  });
  const acks = [];
  await Promise.all(
    members.map(async ({ client, room }) => {
      for (let i = 0; i < EACH; i++) {
        const text = `${client} says ${String(i).padStart(3, "0")}`;
        acks.push(room.publish(text).then(({ offset }) => [offset, text]));
        await pause(30);
      }
    }),
  );
  writing = false;
  await Promise.all(cutting);
  for (const { hub } of members) hub.retryNow();

  // What was acked stands where the ack said, for everybody.
  const said = (await Promise.all(acks)).sort(([a], [b]) => a - b);
  expect(said.map(([offset]) => offset)).toEqual(Array.from({ length: MEMBERS * EACH }, (_, i) => i + 1));
  for (const { got, gaps } of members) {
    await expect.poll(() => got.length).toBe(said.length);
    expect(got).toEqual(said);
    expect(gaps).toBe(0);
  }
  // And what one member said stands in the order in which it was said.
  for (const { client, hub } of members) {
    const own = said.map(([, text]) => text).filter((text) => text.startsWith(client));
    expect(own).toEqual([...own].sort());
    hub.close();
  }
});
