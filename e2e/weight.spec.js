import { gunzipSync } from "node:zlib";
import http from "node:http";
import { expect, test } from "./people.js";

const MOST = 150 * 1024; // bytes, as they travel

/** What a browser would be sent for that address: bytes on the way, and headers. */
const fetched = (url) =>
  new Promise((resolve, reject) => {
    http.get(url, { headers: { "accept-encoding": "gzip" } }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => resolve({ body: Buffer.concat(parts), headers: response.headers, status: response.statusCode }));
    }).on("error", reject);
  });

test("all pages together weigh less than 150 KB, and are kept by the browser", async ({ hub, person }) => {
  const { url } = await hub();
  const one = await person("one");
  const asked = new Map(); // address → how often
  one.page.on("request", (request) => request.url().startsWith("http") && asked.set(request.url().split("#")[0], (asked.get(request.url()) ?? 0) + 1));
  await one.enter(url, "lobby");
  await one.say("**hello**");
  await expect(one.page.locator(".words strong")).toHaveText("hello");
  await expect(one.pending).toHaveCount(0);
  for (const other of ["devices#lobby", "status"]) {
    await one.page.goto(`${url}${other}`);
    await expect(one.page.locator("hub-state .state-text")).toHaveText("Live");
  }
  await expect(one.page.locator("canvas").first()).toBeVisible(); // uPlot is here, too
  let sum = 0;
  for (const address of asked.keys()) {
    const { body, headers, status } = await fetched(address);
    expect(status, address).toBe(200);
    sum += body.length;
    if (headers["content-encoding"] === "gzip") expect(gunzipSync(body).length, address).toBeGreaterThan(body.length);
    expect(headers["cache-control"], address).toMatch(/html/.test(headers["content-type"]) ? "no-cache" : "immutable");
  }
  console.log(`${asked.size} files, ${(sum / 1024).toFixed(1)} KB gzipped in all`);
  expect(asked.size).toBeGreaterThan(20);
  expect(sum).toBeLessThan(MOST);
});

test("the page is there before the hub answers, and what is missing is said in words", async ({ hub, person }) => {
  const { url } = await hub();
  const one = await person("one");
  await one.page.routeWebSocket(/\/ws\//, () => {}); // it opens, and says nothing
  await one.page.goto(`${url}#lobby`);
  await one.page.getByLabel("Your name").fill("one");
  await one.page.keyboard.press("Enter");
  await expect(one.state).toHaveText("Connecting…");
  await expect(one.page.getByRole("heading", { level: 1 })).toHaveText("Room lobby");

  // On the next visit, the first paint comes without waiting for any module.
  const held = [];
  await one.page.route(/\/page\/(?!early)/, (route) => held.push(route));
  await one.page.reload({ waitUntil: "commit" });
  await expect(one.page.getByLabel("Message", { exact: true })).toBeVisible();
  await expect(one.state).toHaveText("Connecting…");
  await expect.poll(() => one.page.evaluate(() => performance.getEntriesByName("first-contentful-paint").length)).toBe(1);
  for (const route of held.splice(0)) await route.continue();
  await one.page.unroute(/\/page\/(?!early)/);
  await expect(one.page.getByRole("heading", { level: 1 })).toHaveText("Room lobby");
  await one.say("already written");
  await expect(one.pending.locator(".status")).toHaveText("Waiting for the connection");
});
