import { expect, test } from "./people.js";
import { Device } from "./device.js";

const MANY = 10_000;

/** How many messages the page has in its document, drawn or not. */
const drawn = ({ page }) => page.locator("#log .entry").count();

test("ten thousand messages arrive: all are there, few are drawn, and one can write", async ({ hub, person }) => {
  const started = await hub("--history-messages", `${MANY}`); // so that a slow machine makes no gap of it
  const alice = await (await person("alice")).enter(started.url, "busy");
  const device = await Device.connect(started, "fast", "busy", { echo: 0 });
  for (let i = 1; i <= MANY; i++) device.send(`line ${i}`);
  await expect(alice.words.last()).toHaveText(`line ${MANY}`, { timeout: 20_000 });
  expect(await drawn(alice)).toBeLessThan(400);
  await expect(alice.page.locator(".note.gap")).toHaveCount(0);
  await alice.say("still here");
  await expect(alice.words.last()).toHaveText("still here");
  await expect(alice.words.last()).toBeInViewport();

  // From end to end and somewhere between: what one sees is drawn, in order, and little else is.
  const log = alice.page.getByRole("log");
  for (const [part, words] of [[0, "line 1"], [0.5, null], [1, "still here"]]) {
    await log.evaluate((log, part) => (log.scrollTop = part * log.scrollHeight), part);
    await expect(async () => {
      const seen = await log.evaluate((log) => {
        const { top, bottom } = log.getBoundingClientRect();
        const within = (entry) => entry.getBoundingClientRect().bottom > top && entry.getBoundingClientRect().top < bottom;
        return [...log.querySelectorAll(".entry")].filter(within).map((entry) => entry.querySelector(".words").textContent);
      });
      expect(seen.length).toBeGreaterThan(5);
      if (words) expect(seen).toContain(words);
      const lines = seen.filter((text) => text.startsWith("line ")).map((text) => Number(text.slice(5)));
      expect(lines).toEqual(lines.map((_, i) => lines[0] + i));
    }).toPass();
    expect(await drawn(alice)).toBeLessThan(400);
  }
  device.close();
});

test("older messages come as one scrolls up, and what one reads stays where it is", async ({ hub, person }) => {
  const started = await hub();
  const device = await Device.connect(started, "device", "long", { echo: 0 });
  for (let i = 1; i <= 400; i++) device.send(`line ${i}${i % 7 ? "" : "\nand more of it".repeat(6)}`);
  const witness = await Device.connect(started, "witness", "long", { last: 400 });
  await expect.poll(() => witness.heard.length).toBe(400);
  const alice = await (await person("alice")).enter(started.url, "long");
  await expect(alice.words.last()).toContainText("line 400");
  const log = alice.page.getByRole("log");

  // What stands at the top of the window before the older ones are put above it stands there afterwards. At first we go where that is
  // drawn, and none are loaded yet; then, and in the same breath as we look, so far up that they are.
  const place = (to = null) => log.evaluate((log, to) => {
    if (to !== null) log.scrollTop = to;
    const { top } = log.getBoundingClientRect();
    const first = [...log.querySelectorAll(".entry")].find((entry) => entry.getBoundingClientRect().top >= top);
    return [first.querySelector(".words").textContent, Math.round(first.getBoundingClientRect().top - top)];
  }, to);
  await place(1700);
  await expect.poll(async () => (await place())[1]).toBeLessThan(200);
  const before = await place(1300);
  await expect.poll(() => log.evaluate((log) => log.querySelector(".leaves").childElementCount)).toBeGreaterThan(2);
  await expect.poll(async () => {
    const [words, top] = await place();
    return words === before[0] ? Math.abs(top - before[1]) : Infinity;
  }).toBeLessThanOrEqual(2); // pixels: where one scrolls to is not whole

  await expect(async () => {
    await log.evaluate((log) => (log.scrollTop = 0));
    await expect(alice.words.first()).toContainText("line 1", { timeout: 300 });
    await expect(alice.page.locator(".older")).toHaveText("This is where it begins.", { timeout: 300 });
  }).toPass();
  await expect(alice.words.first()).toHaveText("line 1");
  device.close();
  witness.close();
});

test("who scrolls up in the very moment in which something is drawn stays there", async ({ hub, person }) => {
  const started = await hub();
  const device = await Device.connect(started, "device", "moment", { echo: 0 });
  for (let i = 1; i <= 40; i++) device.send(`line ${i}`);
  const alice = await (await person("alice")).enter(started.url, "moment");
  await expect(alice.words.last()).toHaveText("line 40");
  await expect(alice.words.last()).toBeInViewport();
  // The scroll event comes with the next frame; what draws all messages anew does not wait for it.
  const [before, after] = await alice.page.getByRole("log").evaluate((log) => {
    const before = (log.scrollTop -= 300);
    log.closest("hub-log").render = () => null;
    return [before, log.scrollTop];
  });
  expect(Math.abs(after - before)).toBeLessThanOrEqual(2);
  device.close();
});

test("where the log no longer begins with its first message, that is said", async ({ hub, person }) => {
  const started = await hub("--history-messages", "60");
  const device = await Device.connect(started, "device", "short", { echo: 0 });
  const witness = await Device.connect(started, "witness", "short");
  for (let i = 1; i <= 90; i++) {
    device.send(`line ${i}`);
    if (i % 30 === 0) await expect.poll(() => witness.heard.length).toBe(i);
  }
  const alice = await (await person("alice")).enter(started.url, "short");
  await alice.page.getByRole("log").evaluate((log) => (log.scrollTop = 0));
  await expect(alice.page.locator(".older")).toHaveText("Older messages are not kept.");
  await expect(alice.words.first()).toHaveText("line 31");
  device.close();
  witness.close();
});
