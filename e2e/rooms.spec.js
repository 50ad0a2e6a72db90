import { expect, test } from "./people.js";
import { Device } from "./device.js";

test("several rooms at once over one socket: what is unread is counted, and marked where one left", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await person("alice");
  const sockets = [];
  alice.page.on("websocket", (socket) => sockets.push(socket));
  await alice.enter(url, "red");
  await alice.go("blue");
  const bob = await (await person("bob")).enter(url, "red");
  const link = await alice.place("red").elementHandle();
  await link.focus();
  await bob.say("one", "two");
  await expect(alice.place("red")).toHaveAccessibleName("red 2 unread");
  await expect(alice.place("red")).toBeFocused();
  expect(await link.evaluate((a) => a.isConnected), "a click that has begun on it would be lost").toBe(true);
  await expect(alice.page).toHaveTitle("(2) blue · Hubbub");
  await alice.place("red").click();
  await alice.hears(["one", "two"]);
  await expect(alice.notes).toHaveText(["New"]);
  const order = () => alice.page.locator("#log .leaves :is(.words, .note)").allInnerTexts();
  expect(await order()).toEqual(["New", "one", "two"]);
  await expect(alice.place("red")).toHaveAccessibleName("red");
  await expect(alice.page).toHaveTitle("red · Hubbub");

  // While one looks, nothing new is marked; the mark stays until one leaves.
  await bob.say("three");
  await alice.hears(["one", "two", "three"]);
  expect(await order()).toEqual(["New", "one", "two", "three"]);
  await alice.go("blue");
  await bob.say("four");
  await expect(alice.place("red")).toHaveAccessibleName("red 1 unread");
  await alice.go("red");
  expect(await order()).toEqual(["one", "two", "three", "New", "four"]);
  await alice.say("five");
  await expect(alice.notes).toHaveCount(0);
  expect(sockets).toHaveLength(1);
});

test("what was read is remembered: after a reload the rooms are there, with what came meanwhile", async ({ hub, person }) => {
  const started = await hub();
  const { url } = started;
  const alice = await (await person("alice")).enter(url, "red");
  const device = await Device.connect(started, "device", "red", { echo: 0 });
  device.send("seen");
  await alice.hears(["seen"]);
  await alice.go("blue");
  await alice.page.goto("about:blank");
  for (let i = 1; i <= 70; i++) device.send(`missed ${i}`);
  await alice.page.goto(`${url}#blue`);
  await expect(alice.place("red")).toHaveAccessibleName("red 70 unread");
  await alice.place("red").click();
  // More than come with a join: the mark goes up as older ones are fetched.
  await expect(alice.page.locator("#log .leaves > .leaf").first()).toContainText("seen");
  await expect(alice.page.locator(".note.new + .entry .words")).toHaveText("missed 1");

  // The same in the room that one was in.
  await alice.page.getByRole("log").evaluate((log) => (log.scrollTop = log.scrollHeight));
  await expect(alice.page).toHaveTitle("red · Hubbub");
  // What is written in the last moment of a page was the subject above, and Chromium may be slow to hand it on; this is what a page writes while it is there.
  await expect.poll(() => alice.page.evaluate(() => localStorage["hubbub.talks.alice"])).toContain('"offset":71');
  await alice.page.goto("about:blank");
  device.send("missed again");
  await alice.page.goto(`${url}#red`);
  await expect(alice.page.locator(".note.new + .entry .words")).toHaveText("missed again");
  device.close();
});

test("direct messages: both see them, nobody else does, and they are there after a reload", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await (await person("alice")).enter(url, "lobby");
  const bob = await (await person("bob")).enter(url, "lobby");
  const carol = await (await person("carol")).enter(url, "lobby");
  await alice.page.getByRole("link", { name: "Write to bob" }).click();
  await expect(alice.page).toHaveURL(`${url}#@bob`);
  await expect(alice.page.getByRole("heading", { level: 1 })).toHaveText("Direct messages with bob");
  await alice.say("psst", "only you");
  await alice.hears(["psst", "only you"]);
  await expect(bob.place("alice")).toHaveAccessibleName("alice 2 unread");
  await bob.place("alice").click();
  await bob.hears(["psst", "only you"]);
  await bob.page.getByLabel("Message", { exact: true }).pressSequentially("w");
  await expect(alice.page.locator("#typing")).toHaveText("bob is typing…");
  await bob.say("what is it?");
  await alice.hears(["psst", "only you", "what is it?"]);
  await expect(alice.page.locator("#typing")).toBeEmpty();
  for (const one of [alice, bob]) {
    await one.page.reload();
    await one.hears(["psst", "only you", "what is it?"]);
  }
  await expect(carol.page.locator("#direct .place")).toHaveCount(0);
  await expect(carol.page.getByText("Notes to yourself")).toBeVisible();

  // A copy of what one wrote is one's own only if one wrote it.
  await bob.page.evaluate(async () => {
    const { Hubbub } = await import(new URL("../hubbub.js", document.querySelector("script[type=module]").src));
    const hub = new Hubbub("/ws", { client: "bob" });
    await hub.publish("@alice", { to: "carol", text: "what alice never wrote" });
    hub.close();
  });
  await alice.hears(["psst", "only you", "what is it?", '{ "to": "carol", "text": "what alice never wrote" }']);
  await expect(alice.page.locator("#direct .place")).toHaveCount(1);

  // Left, it does not come back by itself; the next message brings it back.
  await bob.page.getByRole("button", { name: "Leave alice" }).click();
  await expect(bob.page).toHaveURL(`${url}#lobby`);
  await bob.page.reload();
  await expect(bob.people).toHaveText(["alice", "bob", "carol"]);
  await expect(bob.page.locator("#direct .place")).toHaveCount(0);
  await alice.say("still there?");
  await expect(bob.place("alice")).toHaveAccessibleName("alice 1 unread");
});

test("by the keyboard alone: into another room, up and down, out of it", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await (await person("alice")).enter(url, "one");
  const { keyboard } = alice.page;
  const name = alice.page.locator("#talk-name");
  await alice.page.getByRole("button", { name: "Go to a room" }).focus();
  await keyboard.press("Enter");
  await keyboard.type("@no/body");
  await keyboard.press("Enter");
  await expect(alice.page.locator("#go-problem")).toContainText("slash");
  for (let i = 0; i < 8; i++) await keyboard.press("Backspace");
  await keyboard.type("two");
  await keyboard.press("Enter");
  await expect(name).toHaveText("two");
  await expect(alice.page.getByLabel("Message", { exact: true })).toBeFocused();
  await keyboard.type("half a thought");
  await keyboard.press("Alt+ArrowUp");
  await expect(name).toHaveText("one");
  await expect(alice.page.getByLabel("Message", { exact: true })).toHaveValue("");
  await keyboard.press("Alt+ArrowDown");
  await expect(name).toHaveText("two");
  await expect(alice.page.getByLabel("Message", { exact: true })).toHaveValue("half a thought");
  await alice.page.getByRole("button", { name: "Leave two" }).focus();
  await keyboard.press("Enter");
  await expect(name).toHaveText("one");
  await expect(alice.page.locator("#rooms .place")).toHaveCount(1);
});
