import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import AxeBuilder from "@axe-core/playwright";
import { expect, test as base } from "@playwright/test";

const BINARY = process.env.HUBBUB_BIN || fileURLToPath(new URL("../bin/hubbub", import.meta.url));
const run = promisify(execFile);

/** The page of a short tour, as the built program writes it. */
const test = base.extend({
  report: [
    async ({}, use) => {
      const folder = await mkdtemp(path.join(tmpdir(), "hubbub-report-"));
      const file = path.join(folder, "out.html");
      const size = ["--sockets", "40", "--rooms", "4", "--rate", "20", "--warm-up", "1s", "--duration", "2s"];
      await run(BINARY, ["bench", "all", "-q", ...size, "--expect", "lost=0,storm<1ns", "--report", file]).catch((failed) => {
        if (failed.code !== 1) throw failed; // 1: one of the two was not to be met
      });
      await use(pathToFileURL(file).href);
      await rm(folder, { recursive: true });
    },
    { scope: "worker", timeout: 90_000 },
  ],
});

for (const [size, viewport, colorScheme] of [
  ["phone", { width: 390, height: 844 }, "dark"],
  ["wide", { width: 1440, height: 900 }, "light"],
]) {
  test(`${size}, ${colorScheme}: a bench's report draws, fits, loads nothing, and axe finds nothing`, async ({ browser, report }) => {
    const context = await browser.newContext({ viewport, colorScheme });
    const page = await context.newPage();
    const wrong = [];
    page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
    page.on("pageerror", (error) => wrong.push(String(error)));
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(report);

    await expect(page.getByRole("heading", { level: 2 })).toHaveText([
      "Not all that was expected holds", "At a glance", "Idle sockets", "Echo", "Fan-out", "Fan-out as fast as it goes", "Storm",
    ]);
    await expect(page.locator(".verdicts .missed")).toHaveText(/^storm<1ns: not met/);
    const fanout = page.locator(".result").nth(2);
    await expect(fanout.getByRole("img")).toHaveCount(6);
    await expect(fanout.locator("figcaption")).toHaveText([
      "Latency over time", "Latency distribution, from when a message was due", "Throughput, a second", "CPU", "Memory for a socket",
      "Connects a second, and sockets",
    ]);
    await expect(fanout.getByRole("img", { name: /^Throughput, a second: delivered up to / })).toBeVisible();
    // Something is drawn: a plot has pixels that its ground has not.
    const inked = await page.locator(".result canvas").evaluateAll((all) =>
      all.map((c) => c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v) => v > 0)),
    );
    expect(inked.length).toBeGreaterThan(15);
    expect(inked.every(Boolean)).toBe(true);

    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(beyond).toBeLessThanOrEqual(0);
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
    expect(Math.max(...ground) < 100).toBe(colorScheme === "dark");
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join("; ")}`)).toEqual([]);
    expect(asked.filter((url) => !url.startsWith("data:"))).toEqual([report]);
    expect(wrong).toEqual([]);
    await context.close();
  });
}
