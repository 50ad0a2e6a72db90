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

  // A reload goes straight back in, and to what was said.
  await bob.page.reload();
  await bob.hears(["hello", "hi alice", "how are you?"]);
  await expect(bob.people).toHaveText(["alice", "bob"]);
  await expect(bob.page).toHaveURL(`${url}#lobby`);
  await bob.page.getByRole("button", { name: "Leave Hubbub" }).click();
  await expect(bob.page.getByRole("button", { name: "Enter" })).toBeVisible();
  await expect(alice.people).toHaveText(["alice"]);
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
  await alice.page.getByRole("log").evaluate((log) => (log.scrollTop = 0));
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
  await page.getByLabel("Room", { exact: true }).fill("a room / with #odd? letters %41");
  await page.keyboard.press("Enter");
  await expect(page.locator("#state .state-text")).toHaveText("Live");
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
  const alice = await (await person("alice")).enter(url, "$status");
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

test("who types is seen, until they send or stop", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await person("alice");
  await alice.page.clock.install();
  await alice.enter(url, "lobby");
  const bob = await (await person("bob")).enter(url, "lobby");
  const typing = alice.page.locator("#typing");
  const box = bob.page.getByLabel("Message", { exact: true });
  await expect(alice.people).toHaveText(["alice", "bob"]);
  await box.pressSequentially("hm");
  await expect(typing).toHaveText("bob is typing…");
  await bob.page.keyboard.press("Enter");
  await alice.hears(["hm"]);
  await expect(typing).toBeEmpty({ timeout: 3_000 }); // not only because nothing more came
  await box.pressSequentially("hm?");
  await expect(typing).toHaveText("bob is typing…");
  await box.fill("");
  await expect(typing).toBeEmpty();
  await box.pressSequentially("so");
  await expect(typing).toHaveText("bob is typing…");
  await alice.page.clock.runFor(8_000); // nothing more comes
  await expect(typing).toBeEmpty();
  await expect(bob.page.locator("#typing")).toBeEmpty();
});

test("markdown, links and emoji", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await (await person("alice")).enter(url, "lobby");
  await alice.say("**bold** and `code` and https://example.org/a_b_c, :tada: but `:tada:`");
  await alice.say("[the bank](https://elsewhere.example/x) ![a picture](https://elsewhere.example/p.png)");
  await alice.say("```js\nif (a < b) {}\n```", "- one\n- two", ":+1:", "# no heading &lt; <b>");
  await alice.hears([
    "bold and code and https://example.org/a_b_c, 🎉 but :tada:",
    "the bank (elsewhere.example) a picture (elsewhere.example)",
    "if (a < b) {}",
    "one\ntwo",
    "👍",
    "no heading &lt; <b>",
  ]);
  const inside = (selector) => alice.page.locator(`#log .words ${selector}`);
  await expect(inside("strong")).toHaveText(["bold", "no heading &lt; <b>"]);
  await expect(inside("pre code")).toHaveText("if (a < b) {}");
  await expect(inside("li")).toHaveText(["one", "two"]);
  await expect(inside("a")).toHaveCount(3);
  for (const link of await inside("a").all()) await expect(link).toHaveAttribute("rel", /noopener noreferrer/);
  await expect(alice.page.locator("#log .words.big")).toHaveText("👍");

  await alice.page.getByRole("button", { name: "Emoji" }).click();
  await expect(alice.page.locator("#emoji button").first()).toBeFocused();
  await alice.page.keyboard.press("ArrowRight");
  await alice.page.keyboard.press("Enter");
  await expect(alice.page.getByLabel("Message", { exact: true })).toHaveValue("😁");
});

test("days are told apart, and what one says in a row stands together", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await person("alice");
  const day = 86_400_000;
  const noon = new Date().setHours(12, 0, 0, 0);
  await alice.page.routeWebSocket(/\/ws\//, (socket) => {
    socket.onMessage((text) => {
      const { type, room, ref } = JSON.parse(text);
      if (type !== "join" || room !== "lobby") return;
      const tell = (frame) => socket.send(JSON.stringify({ room, ...frame }));
      tell({ type: "joined", ref, position: { epoch: "e", offset: 5 }, count: 1 });
      const times = [noon - 400 * day, noon - day, noon - day + 60_000, noon - day + 3_600_000, 9e18];
      times.forEach((time, i) => tell({ type: "message", offset: i + 1, from: "bob", time, data: `line ${i}` }));
    });
    socket.send(JSON.stringify({ type: "welcome", protocol: "hubbub.v1", client: "alice", connection: "1", instance: "1", ping: 25, limits: { message: 65536, rooms: 128 } }));
  });
  await alice.enter(url, "lobby");
  await alice.hears([0, 1, 2, 3, 4].map((i) => `line ${i}`));
  await expect(alice.notes).toHaveText([/ \d{4}$/, "Yesterday", /1 January 1970$/]);
  await expect(alice.page.locator(".entry.follows .words")).toHaveText(["line 2"]);
});
