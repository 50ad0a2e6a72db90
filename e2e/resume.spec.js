import { Device } from "./device.js";
import { expect, test } from "./people.js";

test.use({ cuts: true });

const lines = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`);

test("ten seconds offline while the other writes on: afterwards nothing is missing, nothing twice, in order", async ({ hub, wire, person }) => {
  const started = await hub();
  const cable = await wire(started);
  const alice = await (await person("alice")).enter(started.url, "lobby");
  const bob = await person("bob");
  await bob.page.clock.install();
  await bob.enter(cable.url, "lobby");
  await alice.say(...lines(1, 3));
  await bob.hears(lines(1, 3));

  cable.cut();
  await expect(bob.state).toHaveText(/^Offline since /);
  await expect(alice.people).toHaveText(["alice"]);
  await alice.say(...lines(4, 40));
  await bob.say("bob, from afar");
  await expect(bob.pending.locator(".status")).toHaveText("Waiting for the connection");
  await alice.hears(lines(1, 40));
  await bob.page.clock.runFor(10_000); // his tries meet a cut wire

  cable.mend();
  await bob.page.clock.runFor(20_000); // the next one does not
  await expect(bob.state).toHaveText(/^Live, caught up with (37|38) messages$/);
  await alice.say("and on");
  const all = [...lines(1, 40), "bob, from afar", "and on"];
  for (const one of [alice, bob]) await one.hears(all);
  await expect(bob.page.locator(".note.gap, .note.anew")).toHaveCount(0);
  // He begins to read where he left.
  await expect(bob.page.locator(".note.new + .entry .words")).toHaveText("line 4");
  await expect(bob.page.locator(".note.new")).toBeInViewport();
  await expect(alice.people).toHaveText(["alice", "bob"]);
  await expect(bob.people).toHaveText(["alice", "bob"]);
});

test("cut again and again in the middle of it", async ({ hub, wire, person }) => {
  const started = await hub();
  const cable = await wire(started);
  const alice = await (await person("alice")).enter(started.url, "lobby");
  const bob = await (await person("bob")).enter(cable.url, "lobby");
  const all = [];
  for (let round = 0; round < 3; round++) {
    const [hers, his] = [`alice ${round}`, `bob ${round}`];
    all.push(hers, his);
    await Promise.all([alice.say(hers), bob.say(his)]);
    cable.cut();
    await expect(bob.state).toHaveText(/^Offline since /);
    cable.mend();
    const again = bob.page.getByRole("button", { name: "Try now" });
    await expect(async () => {
      if (await again.isVisible()) await again.click({ timeout: 500 }).catch(() => {});
      await expect(bob.state).toHaveText(/^Live/, { timeout: 250 });
    }).toPass();
  }
  for (const one of [alice, bob]) {
    await expect(one.words).toHaveCount(all.length);
    await expect(one.pending).toHaveCount(0);
  }
  const [hers, his] = await Promise.all([alice.words.allTextContents(), bob.words.allTextContents()]);
  expect(his).toEqual(hers);
  expect([...his].sort()).toEqual([...all].sort());
});

test("the hub is restarted under them: a new log is said to be one, and what waited arrives once", async ({ hub, person }) => {
  const started = await hub();
  const alice = await (await person("alice")).enter(started.url, "lobby");
  const bob = await (await person("bob")).enter(started.url, "lobby");
  await alice.say("before");
  await bob.hears(["before"]);

  await started.stop();
  for (const one of [alice, bob]) await expect(one.state).toHaveText(/^Offline since /);
  await alice.say("while it was away 1", "while it was away 2");
  await expect(alice.pending).toHaveCount(2);

  await started.start();
  for (const one of [alice, bob]) {
    await expect(one.state).toHaveText(/^Live/, { timeout: 25_000 });
    await one.hears(["before", "while it was away 1", "while it was away 2"]);
    await expect(one.people).toHaveText(["alice", "bob"]);
    await expect(one.page.locator(".note.anew")).toHaveText(/The room’s log began anew/);
  }
  // The note stands where the new log begins.
  for (const one of [alice, bob]) {
    const order = await one.page.locator("#log .leaves :is(.entry .words, .note.anew span)").allTextContents();
    expect(order[1]).toContain("began anew");
  }
});

test("what the hub no longer keeps is shown as a gap of the right size, in its place", async ({ hub, wire, person }) => {
  const started = await hub("--history-messages", "5");
  const cable = await wire(started);
  const alice = await (await person("alice")).enter(started.url, "lobby");
  const bob = await (await person("bob")).enter(cable.url, "lobby");
  await alice.say("line 1");
  await bob.hears(["line 1"]);

  cable.cut();
  await expect(bob.state).toHaveText(/^Offline since /);
  const device = await Device.connect(started, "device", "lobby");
  for (const line of lines(2, 13)) {
    device.send(line);
    await expect.poll(() => device.heard.at(-1), { intervals: [5] }).toBe(line); // so that nobody lags by more than is kept
  }
  device.close();
  cable.mend();

  await expect(bob.state).toHaveText("Live, caught up with 5 messages, a gap of 7", { timeout: 25_000 });
  await bob.hears(["line 1", ...lines(9, 13)]);
  const order = await bob.page.locator("#log .leaves :is(.entry .words, .note span)").allTextContents();
  expect(order).toEqual(["line 1", "A gap of 7 messages, no longer kept", "New", ...lines(9, 13)]);
});

test("a connection that died without a word is noticed, and replaced", async ({ hub, wire, person }) => {
  const started = await hub();
  const cable = await wire(started);
  const alice = await (await person("alice")).enter(started.url, "lobby");
  const bob = await person("bob");
  await bob.page.clock.install();
  await bob.enter(cable.url, "lobby");
  cable.die();
  await alice.say("are you there?");
  await alice.hears(["are you there?"]);
  await bob.page.clock.runFor(40_000); // the interval of pings, and the patience for an answer
  await expect(bob.state).toHaveText(/^Live, caught up with 1 message$/);
  await bob.hears(["are you there?"]);
});
