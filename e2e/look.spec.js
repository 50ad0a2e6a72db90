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
    await axe(alice);
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
    await axe(alice);
    const ground = await alice.page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
    expect(Math.max(...ground) < 100).toBe(colorScheme === "dark");
  });
}

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
    await alice.page.getByRole("button", { name: "Leave" }).click();
    await expect(alice.page.locator("#notice")).toContainText("1 message not sent yet");
    await axe(alice);
    await alice.fits();
    await alice.page.getByRole("button", { name: "Leave" }).click();
    await expect(alice.page.getByRole("button", { name: "Enter" })).toBeVisible();
  });
});
