import AxeBuilder from "@axe-core/playwright";
import { Device } from "./device.js";
import { expect, test } from "./people.js";

const PHONE = { width: 390, height: 844 };

async function axe({ page }) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join("; ")}`)).toEqual([]);
}

for (const [size, viewport, colorScheme] of [["phone", PHONE, "dark"], ["wide", { width: 1440, height: 900 }, "light"]]) {
  test(`${size}, ${colorScheme}: the page fits, and axe finds nothing`, async ({ hub, person }) => {
    const started = await hub();
    const alice = await person("alice", { viewport, colorScheme });
    await alice.page.goto(started.url);
    if (size === "phone") await axe(alice);
    await alice.fits();

    await alice.enter(started.url, "greenhouse");
    const device = await Device.connect(started, "sensor", "greenhouse");
    device.send('{"temperature":21.5}');
    device.send(Buffer.from("binary"));
    device.close();
    await alice.say("a message", "another, ".repeat(60));
    await expect(alice.words).toHaveCount(4);
    await expect(alice.pending).toHaveCount(0);
    await axe(alice);
    await alice.fits();

    const people = alice.page.getByRole("button", { name: "People" });
    if (size === "phone") {
      await expect(alice.page.getByRole("heading", { name: "Here now" })).toBeHidden();
      await people.click();
    }
    await expect(alice.page.getByRole("heading", { name: "Here now" })).toBeVisible();
    await expect(alice.people).toHaveText(["alice"]);
    if (size === "phone") await axe(alice); // on a wide screen they were there before
    const ground = await alice.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).map(Number));
    expect(Math.max(...ground) < 100).toBe(colorScheme === "dark");
  });
}

for (const [size, viewport, colorScheme] of [["phone", PHONE, "light"], ["wide", { width: 1440, height: 900 }, "dark"]]) {
  test(`${size}, ${colorScheme}: rooms, direct messages, devices and status fit, and axe finds nothing`, async ({ hub, person }) => {
    const started = await hub();
    const alice = await person("alice", { viewport, colorScheme });
    await alice.enter(started.url, "greenhouse");
    const device = await Device.connect(started, "sensor", "greenhouse", { echo: 0 });
    device.send('{"temperature":21.5}');
    await alice.go("@bob");
    await alice.say("a **bold** [link](https://example.org/)\n- list\n\n```\ncode\n```\n\n> quote\n\n|a|b|\n|-|-|\n|1|2|");
    await expect(alice.page.locator(".words td")).toHaveCount(2);
    await expect(alice.pending).toHaveCount(0);
    if (size === "wide") await axe(alice);
    await alice.fits();
    await alice.page.getByRole("button", { name: "Emoji", exact: true }).click();
    await expect(alice.page.getByRole("group", { name: "Emoji" })).toBeInViewport({ ratio: 1 });
    await alice.page.keyboard.press("Escape");
    if (size === "phone") {
      await alice.page.getByRole("button", { name: /^Rooms/ }).click();
      await expect(alice.place("greenhouse")).toBeInViewport({ ratio: 1 });
      // The keyboard stays in what covers the rest.
      await alice.page.evaluate(() => document.getElementById("text").focus());
      await expect(alice.page.getByLabel("Message", { exact: true })).not.toBeFocused();
      await axe(alice);
      await alice.page.keyboard.press("Escape");
      await expect(alice.place("greenhouse")).toBeHidden();
      await expect(alice.page.getByRole("button", { name: /^Rooms/ })).toBeFocused();
    }
    for (const [page, seen] of [["devices#greenhouse", ".device strong"], ["status", "#instances th"]]) {
      await alice.page.goto(`${started.url}${page}`);
      await expect(alice.page.locator(seen)).toHaveCount(1);
      await expect(alice.page.locator("canvas").first()).toBeVisible();
      if ((size === "phone") === (page === "status")) await axe(alice); // each once: it takes its time
      expect(await alice.page.evaluate(() => document.documentElement.scrollWidth - innerWidth), "it scrolls sideways").toBeLessThanOrEqual(0);
    }
    device.close();
  });
}

test("the theme can be chosen, and stays", async ({ hub, person }) => {
  const { url } = await hub();
  const alice = await person("alice", { colorScheme: "light" });
  await alice.enter(url, "lobby");
  const dark = () => alice.page.evaluate(() => Math.max(...getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).map(Number)) < 100);
  const button = alice.page.getByRole("button", { name: /^Theme:/ });
  await expect(button).toHaveAccessibleName("Theme: as the system has it");
  await button.click();
  await button.click();
  await expect(button).toHaveAccessibleName("Theme: dark");
  expect(await dark()).toBe(true);
  await alice.page.goto(`${url}status`);
  expect(await dark()).toBe(true);
  await button.click();
  await expect(button).toHaveAccessibleName("Theme: as the system has it");
  expect(await dark()).toBe(false);
});

test.describe("in trouble", () => {
  test.use({ cuts: true });

  test("offline, failed and closed look and read right, too", async ({ hub, person }) => {
    const started = await hub();
    const alice = await (await person("alice", { viewport: PHONE })).enter(started.url, "$status");
    await alice.say("not allowed");
    await expect(alice.pending.locator(".status")).toContainText("Not sent");
    await started.stop();
    await expect(alice.state).toHaveText(/^Offline since /);
    await alice.say("later");
    await axe(alice);
    await alice.page.getByRole("button", { name: /^Rooms/ }).click();
    await alice.page.getByRole("button", { name: "Leave Hubbub" }).click();
    const dialog = alice.page.getByRole("dialog");
    await expect(dialog).toContainText("1 message not sent yet");
    await axe(alice);
    await alice.fits();
    await dialog.getByRole("button", { name: "Stay" }).click();
    await alice.page.getByRole("button", { name: "Leave Hubbub" }).click();
    await dialog.getByRole("button", { name: "Leave without sending" }).click();
    await expect(alice.page.getByRole("button", { name: "Enter" })).toBeVisible();
  });
});
