import { test as base, expect } from "@playwright/test";
import { Hub, Redis, Wire } from "./hub.js";

export { expect };

/** Somebody with a browser of their own. */
export class Person {
  constructor(page, name) {
    this.page = page;
    this.name = name;
    this.state = page.locator("#state .state-text");
    this.words = page.locator("#log .entry .words");
    this.people = page.locator("#people-list .from");
    this.notes = page.locator("#log .note");
    this.pending = page.locator("#log .pending .entry");
  }

  async enter(url, room) {
    await this.page.goto(`${url}#${encodeURIComponent(room)}`);
    await this.page.getByLabel("Your name").fill(this.name);
    await this.page.getByRole("button", { name: "Enter" }).click();
    await expect(this.state).toHaveText("Live");
    return this;
  }

  async say(...texts) {
    for (const text of texts) {
      await this.page.getByLabel("Message", { exact: true }).fill(text);
      await this.page.keyboard.press("Enter");
    }
  }

  /** By the link of that room or person at the left. */
  place(name) {
    return this.page.locator("#side .place").filter({ has: this.page.getByText(name, { exact: true }) }).getByRole("link");
  }

  async go(room) {
    await this.page.evaluate((hash) => (location.hash = hash), encodeURIComponent(room));
    await expect(this.state).toHaveText("Live");
  }

  /** Exactly these messages, in this order, and none of ours still on its way. */
  async hears(texts) {
    await expect(this.words).toHaveText(texts, { useInnerText: true });
    await expect(this.pending).toHaveCount(0);
  }

  /** The page as a whole scrolls in no direction; only the log and the people do, up and down. */
  async fits() {
    const beyond = await this.page.evaluate(() => {
      const { scrollWidth, scrollHeight } = document.documentElement;
      return [scrollWidth - innerWidth, scrollHeight - innerHeight];
    });
    expect(Math.max(...beyond)).toBeLessThanOrEqual(0);
  }
}

/**
 * hub(...args) starts a hub, redis is one for several of them, wire(hub) a wire to a hub, person(name, options) opens a browser context; all end with
 * the test. Console errors (the browser reports violations of the CSP there too), uncaught exceptions and dialogs
 * fail the test. A test that breaks connections says so with test.use({cuts: true}): then the browser's own words
 * about a failed connection are no error.
 */
export const test = base.extend({
  cuts: [false, { option: true }],

  hub: async ({}, use) => {
    const hubs = [];
    await use(async (...args) => {
      const hub = new Hub(...args);
      hubs.push(hub);
      return hub.start();
    });
    await Promise.all(hubs.map((hub) => hub.stop("SIGKILL")));
  },

  redis: async ({}, use) => {
    const redis = await new Redis().start();
    await use(redis);
    await redis.stop();
  },

  wire: async ({}, use) => {
    const wires = [];
    await use(async (hub) => {
      const wire = await new Wire(hub.port).listen();
      wires.push(wire);
      return wire;
    });
    await Promise.all(wires.map((wire) => wire.close()));
  },

  person: async ({ browser, cuts }, use) => {
    const contexts = [];
    const wrong = [];
    await use(async (name, options = {}) => {
      const context = await browser.newContext(options);
      contexts.push(context);
      const page = await context.newPage();
      page.on("console", (message) => {
        if (message.type() !== "error") return;
        if (cuts && /WebSocket connection to .* failed/.test(message.text())) return;
        wrong.push(`${name}'s console: ${message.text()}`);
      });
      page.on("pageerror", (error) => wrong.push(`${name}'s page: ${error.stack}`));
      page.on("dialog", (dialog) => {
        wrong.push(`${name}'s page opened a dialog: ${dialog.message()}`);
        dialog.dismiss();
      });
      return new Person(page, name);
    });
    await Promise.all(contexts.map((context) => context.close()));
    expect(wrong).toEqual([]);
  },
});
