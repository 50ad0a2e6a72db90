import { expect, test } from "./people.js";
import { Device } from "./device.js";

test("two people talk, see each other, and see each other go", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await (await person("alice")).enter(url, "lobby");
  await expect(alice.page.getByText("Nothing was said here yet.")).toBeVisible();
  const bob = await (await person("bob")).enter(url, "lobby");
  await expect(alice.people).toHaveText(["alice", "bob"]);
  await expect(bob.people).toHaveText(["alice", "bob"]);

  await alice.say("hello");
  await bob.hears(["hello"]);
  await bob.say("hi alice");
  await bob.hears(["hello", "hi alice"]);
  await alice.say("how are you?");
  for (const one of [alice, bob]) await one.hears(["hello", "hi alice", "how are you?"]);
  await expect(alice.page.locator(".entry .from")).toHaveText(["alice", "bob", "alice"]);
  await expect(alice.page.locator('.entry.own[data-state="sent"]')).toHaveCount(2);
  await expect(bob.page.locator(".entry.own")).toHaveCount(1);

  await bob.page.getByRole("button", { name: "Leave" }).click();
  await expect(bob.page.getByRole("button", { name: "Enter" })).toBeVisible();
  await expect(alice.people).toHaveText(["alice"]);
});

test("who comes later sees what was said, and a reload goes straight back in", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await (await person("alice")).enter(url, "attic");
  await alice.say("one", "two", "three");
  await alice.hears(["one", "two", "three"]);
  const bob = await (await person("bob")).enter(url, "attic");
  await bob.hears(["one", "two", "three"]);
  await bob.page.reload();
  await bob.hears(["one", "two", "three"]);
  await expect(bob.people).toHaveText(["alice", "bob"]);
  await expect(bob.page).toHaveURL(`${url}#attic`);
});

test("the room in the address is the room, and changing it changes rooms", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await (await person("alice")).enter(url, "red");
  const bob = await (await person("bob")).enter(url, "blue");
  await bob.say("it is blue here");
  await alice.say("it is red here");
  await alice.hears(["it is red here"]);
  await alice.page.evaluate(() => (location.hash = "blue"));
  await expect(alice.page.getByRole("heading", { level: 1 })).toHaveText("Room blue");
  await alice.hears(["it is blue here"]);
  await expect(bob.people).toHaveText(["alice", "bob"]);
});

test("Enter sends, Shift+Enter begins a new line", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await (await person("alice")).enter(url, "lobby");
  await alice.page.keyboard.type("first");
  await alice.page.keyboard.press("Shift+Enter");
  await alice.page.keyboard.type("second");
  await alice.page.keyboard.press("Enter");
  await alice.hears(["first\nsecond"]);
  await expect(alice.page.getByLabel("Message", { exact: true })).toBeFocused();
});

test("whoever reads further up stays there, and is told what is new", async ({ hub, person }) => {
  const started = await hub();
  const alice = await (await person("alice")).enter(started.url, "lobby");
  const device = await Device.connect(started, "device", "lobby");
  for (let i = 1; i <= 60; i++) device.send(`line ${i}`);
  await expect(alice.words.last()).toHaveText("line 60");
  await expect(alice.words.last()).toBeInViewport();
  await alice.page.locator("#log").evaluate((log) => (log.scrollTop = 0));
  await expect(alice.words.first()).toBeInViewport();
  device.send("line 61");
  device.send("line 62");
  const jump = alice.page.getByRole("button", { name: "↓ 2 new" });
  await expect(jump).toBeVisible();
  await expect(alice.words.first()).toBeInViewport();
  await jump.click();
  await expect(alice.words.last()).toHaveText("line 62");
  await expect(alice.words.last()).toBeInViewport();
  await expect(jump).toBeHidden();
  device.close();
});

test("names that are none are refused in words, before anything is sent", async ({ hub, person }) => {
  const { url } = await hub();
  const { page } = await person("");
  await page.goto(url);
  const name = page.getByLabel("Your name");
  await expect(name).toBeFocused();
  for (const [wrong, words] of [["", "Choose a name."], ["a/b", "slash"], ["$hub", "begin with"], ["..", "dots"], ["ä".repeat(65), "too long"]]) {
    await name.fill(wrong);
    await page.keyboard.press("Enter");
    await expect(page.locator("#name-problem")).toContainText(words);
    await expect(name).toBeFocused();
  }
  await name.fill("ä b?#%");
  await page.getByLabel("Room").fill("a room / with #odd? letters %41");
  await page.keyboard.press("Enter");
  await expect(page.locator("#state-text")).toHaveText("Live");
  await expect(page.locator("#people-list .from")).toHaveText(["ä b?#%"]);
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Room a room / with #odd? letters %41");
});

test("a message that is too long is refused before it is sent", async ({ hub, person }) => {
  const { url } = await hub("--max-message", "1KiB");
  const alice = await (await person("alice")).enter(url, "lobby");
  await alice.say("x".repeat(1100));
  await expect(alice.page.locator("#too-long")).toContainText("this hub takes 1,024 bytes");
  await expect(alice.words).toHaveCount(0);
  await alice.say("short");
  await expect(alice.page.locator("#too-long")).toBeEmpty();
  await alice.hears(["short"]);
  await expect(alice.state).toHaveText("Live");
});

test("what the hub refuses is said in words", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await person("alice");
  await alice.page.goto(`${url}#@bob`);
  await alice.page.getByLabel("Your name").fill("alice");
  await alice.page.keyboard.press("Enter");
  await expect(alice.state).toHaveText("Not in this room");
  await expect(alice.page.locator("#notice")).toContainText("You are not allowed to do that.");

  await alice.page.evaluate(() => (location.hash = "$status"));
  await expect(alice.state).toHaveText("Live");
  await alice.say("may I?");
  await expect(alice.pending.locator(".status")).toContainText("Not sent. You are not allowed to do that.");
  await alice.page.getByRole("button", { name: "Discard" }).click();
  await expect(alice.words).toHaveCount(0);
});

test("a device's messages are shown legibly, and it hears the people", async ({ hub, person }) => {
  const started = await hub();
  const alice = await (await person("alice")).enter(started.url, "greenhouse");
  const device = await Device.connect(started, "sensor 7", "greenhouse");
  await expect(alice.people).toHaveText(["alice", "sensor 7"]);
  device.send('{"temperature":21.5,"humidity":0.4}');
  device.send(Buffer.from([0, 1, 2, 254, 255]));
  device.send("just words");
  await alice.hears(['{ "temperature": 21.5, "humidity": 0.4 }', "00 01 02 fe ff", "just words"]);
  await expect(alice.page.locator(".entry .label")).toHaveText(["JSON", "Binary, 5 bytes"]);
  await alice.say("water them");
  await expect.poll(() => device.heard.at(-1)).toBe("water them");
  device.close();
  await expect(alice.people).toHaveText(["alice"]);
});

test("ten thousand messages: the page keeps the newest, and stays usable", async ({ hub, person }) => {
  const started = await hub("--history-messages", "10000"); // so that a slow machine makes no gap of it
  const alice = await (await person("alice")).enter(started.url, "busy");
  const device = await Device.connect(started, "fast", "busy", { echo: 0 });
  for (let i = 1; i <= 10_000; i++) device.send(`line ${i}`);
  await expect(alice.words.last()).toHaveText("line 10000", { timeout: 20_000 });
  expect(await alice.page.locator("#list > *").count()).toBeLessThanOrEqual(2000);
  await expect(alice.page.locator("#trimmed")).toBeVisible();
  await expect(alice.page.locator(".note.gap")).toHaveCount(0);
  await alice.say("still here");
  await expect(alice.words.last()).toHaveText("still here");
  await expect(alice.words.last()).toBeInViewport();
  device.close();
});
