import { expect, test } from "./people.js";

// Answers of a hub that a real one does not give on demand: the page is real, the socket's other end is this file.

const WELCOME = { type: "welcome", protocol: "hubbub.v1", client: "alice", connection: "1", instance: "1", ping: 25, limits: { message: 65536, rooms: 128 } };

/** Answers each command by answers[type](command, tell, socket); counts connections. */
async function script({ page }, answers) {
  const seen = { connections: 0, commands: [] };
  await page.routeWebSocket(/\/ws\//, (socket) => {
    seen.connections++;
    const tell = (frame) => socket.send(JSON.stringify(frame));
    socket.onMessage((text) => {
      const command = JSON.parse(text);
      seen.commands.push(command);
      answers[command.type]?.(command, tell, socket);
    });
    tell(WELCOME);
  });
  return seen;
}

const joined = ({ ref, room }, tell) => tell({ type: "joined", ref, room, position: { epoch: "e", offset: 0 }, count: 1 });
const members = ({ ref, room }, tell) => tell({ type: "members", ref, room, count: 1, members: [{ client: "alice", connections: 1 }] });

for (const [code, words] of [[4501, "has expired"], [4502, "not allowed in here"], [4777, "for good (4777: odd)"]]) {
  test(`${code}: it does not come back by itself`, async ({ hub, person }) => {
    const { url } = await hub();
    const alice = await person("alice");
    await alice.page.clock.install();
    const seen = await script(alice, { join: joined, members, publish: (_, __, socket) => socket.close({ code, reason: "odd" }) });
    await alice.enter(url, "lobby");
    await alice.say("hello?");
    await expect(alice.state).toContainText(words);
    await expect(alice.pending.locator(".status")).toContainText("Not sent.");
    await alice.page.clock.runFor(60_000);
    expect(seen.connections).toBe(1);
    await alice.page.getByRole("button", { name: "Connect again" }).click();
    await expect(alice.state).toHaveText(/^Live/);
    expect(seen.connections).toBe(2);
  });
}

test("1012 and 4003: it comes back by itself, after a while", async ({ hub, person }) => {
  const { url } = await hub();
  for (const code of [1012, 4003]) {
    const alice = await person("alice");
    await alice.page.clock.install();
    const seen = await script(alice, { join: joined, members, publish: (_, __, socket) => seen.connections === 1 && socket.close({ code }) });
    await alice.enter(url, "lobby");
    await alice.say("hello?");
    await expect.poll(() => seen.commands.some(({ type }) => type === "publish")).toBe(true);
    await alice.page.clock.runFor(4_000); // the longest pause that is asked for by these
    await expect.poll(() => seen.connections).toBe(2);
    await expect(alice.state).toHaveText(/^Live/);
    await expect.poll(() => seen.commands.filter(({ type }) => type === "publish").length).toBe(2);
  }
});

test("rate limited and unavailable: sent again after the pause, with the same key", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await person("alice");
  const codes = ["rate_limited", "unavailable"];
  const seen = await script(alice, {
    join: joined,
    members,
    publish: ({ ref, room, key, data }, tell) => {
      const code = codes.shift();
      if (code) return tell({ type: "error", ref, code, message: "not now", retry_after: 0.2 });
      tell({ type: "message", room, offset: 1, from: "alice", time: Date.now(), data, key });
      tell({ type: "published", ref, room, position: { epoch: "e", offset: 1 } });
    },
  });
  await alice.enter(url, "lobby");
  await alice.say("patience");
  await alice.hears(["patience"]);
  const keys = seen.commands.filter(({ type }) => type === "publish").map(({ key }) => key);
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
});

test("a failed message can be sent again, with the same key", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await person("alice");
  let refused = false;
  const seen = await script(alice, {
    join: joined,
    members,
    publish: ({ ref, room, key, data }, tell) => {
      if (!refused) return (refused = true), tell({ type: "error", ref, code: "internal", message: "oops" });
      tell({ type: "published", ref, room, position: { epoch: "e", offset: 1 } });
      tell({ type: "message", room, offset: 1, from: "alice", time: Date.now(), data, key });
    },
  });
  await alice.enter(url, "lobby");
  await alice.say("again");
  await expect(alice.pending.locator(".status")).toContainText("Something went wrong inside the hub. (oops)");
  await alice.page.getByRole("button", { name: "Retry" }).click();
  await alice.hears(["again"]);
  await expect(alice.page.locator('.entry[data-state="sent"]')).toHaveCount(1);
  const keys = seen.commands.filter(({ type }) => type === "publish").map(({ key }) => key);
  expect(new Set(keys).size).toBe(1);
});

test("a presence event with the count alone: the members are asked for again, but not each time", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await person("alice");
  let asked = 0;
  let tellAlice;
  const crowd = Array.from({ length: 300 }, (_, i) => ({ client: `guest ${i}`, connections: 1 }));
  await script(alice, {
    join: (command, tell) => (joined(command, tell), (tellAlice = tell)),
    members: ({ ref, room }, tell) => (asked++, tell({ type: "members", ref, room, count: 1300, members: crowd })),
  });
  await alice.page.clock.install();
  await alice.enter(url, "lobby");
  await expect(alice.people).toHaveCount(300);
  await expect(alice.page.locator("#people-more")).toHaveText("and 1,000 more");
  for (let count = 1200; count < 1300; count++) tellAlice({ type: "presence", room: "lobby", count });
  await expect(alice.page.locator("#people-count")).toHaveText("1,299");
  expect(asked).toBe(1);
  await alice.page.clock.runFor(3_000);
  await expect.poll(() => asked).toBe(2);
  await expect(alice.page.locator("#people-count")).toHaveText("1,300");
});

test("a room that one may not join says so, and the others go on", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await person("alice");
  await script(alice, {
    join: (command, tell) => (command.room === "cellar" ? tell({ type: "error", ref: command.ref, code: "forbidden", message: "not you" }) : joined(command, tell)),
    members,
  });
  await alice.enter(url, "lobby");
  await alice.page.evaluate(() => (location.hash = "cellar"));
  await expect(alice.state).toHaveText("Not in this room");
  await expect(alice.page.locator("#notice")).toContainText("You are not allowed to do that. (not you)");
  await alice.go("lobby");
  await expect(alice.page.locator("#notice")).toBeHidden();
});

test("a room of which nothing is kept any more says so", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await person("alice");
  const seen = await script(alice, {
    join: ({ ref, room }, tell) => tell({ type: "joined", ref, room, position: { epoch: "e", offset: 100 }, count: 1 }),
    history: ({ ref, room }, tell) => tell({ type: "history", ref, room, epoch: "e", first: 101, last: 100, messages: [] }),
    members,
  });
  await alice.enter(url, "lobby");
  await expect(alice.page.locator(".older")).toHaveText("What was said here is not kept any more.");
  await expect(alice.page.getByText("Nothing was said here yet.")).toBeHidden();
  expect(seen.commands.filter(({ type }) => type === "history")).toMatchObject([{ before: 101 }]);
});

test("what was acked and then lost with a hole stands above the hole", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await person("alice");
  let told, ack;
  await script(alice, {
    join: (command, tell) => (joined(command, tell), (told = tell)),
    members,
    publish: ({ ref, room }, tell) => (ack = () => tell({ type: "published", ref, room, position: { epoch: "e", offset: 1 } })),
  });
  await alice.enter(url, "lobby");
  await alice.say("lost?");
  await expect(alice.pending.locator(".status")).toHaveText("Sending…");
  ack();
  await expect(alice.pending.locator(".mark")).toBeVisible();
  told({ type: "gap", room: "lobby", from: 1, to: 3, reason: "trimmed" });
  told({ type: "message", room: "lobby", offset: 4, from: "bob", time: Date.now(), data: "and on" });
  await alice.hears(["lost?", "and on"]);
  const order = await alice.page.locator("#log .leaves :is(.entry .words, .note span)").allTextContents();
  expect(order).toEqual(["lost?", "A gap of 3 messages, no longer kept", "and on"]);
});
