import { execFileSync } from "node:child_process";
import { numbersIn } from "../web/static/page/numbers.js";
import { Series } from "../web/static/page/series.js";
import { Device } from "./device.js";
import { expect, test } from "./people.js";

const text = (data) => numbersIn({ kind: "text", data });
const json = (data) => numbersIn({ kind: "json", data });

test("numbers are found in what devices send, and in nothing else", () => {
  expect(text("21.5")).toEqual([["value", 21.5]]);
  expect(text(" -3e2\r\n")).toEqual([["value", -300]]);
  expect(text("21.5, 40;7")).toEqual([["value 1", 21.5], ["value 2", 40], ["value 3", 7]]);
  expect(text("t=21.5 h:40")).toEqual([["t", 21.5], ["h", 40]]);
  expect(text("temp : 1, hum = .5")).toEqual([["temp", 1], ["hum", 0.5]]);
  for (const none of ["", " ", "hello", "it is 21.5", "1.2.3", "0x10", "NaN", "Infinity", "1e999", "a=b=1", "t=", "12:30:45x"]) expect(text(none), none).toEqual([]);
  expect(text("1".repeat(5_000))).toEqual([]);
  expect(json({ t: 21.5, on: true, name: "x", none: null, in: { a: 1, list: [2, 3] } })).toEqual([["t", 21.5], ["on", 1], ["in.a", 1], ["in.list.0", 2], ["in.list.1", 3]]);
  expect(json(7)).toEqual([["value", 7]]);
  expect(json(Array.from({ length: 500 }, (_, i) => i))).toHaveLength(32);
  expect(json({ a: { b: { c: { d: { e: 1 } } } } })).toEqual([]);
  expect(json({ ["k".repeat(1_000)]: 1 })[0][0]).toHaveLength(60);
  expect(json(JSON.parse('{"__proto__": 1, "constructor": 2}'))).toEqual([["__proto__", 1], ["constructor", 2]]);
  expect(numbersIn({ kind: "binary", data: new Uint8Array(4) })).toEqual([]);
});

test("rates are of the last seconds, and memory is bounded", () => {
  const series = new Series("t");
  expect(series.rate).toBeNull();
  series.add(0, 1);
  expect(series.rate).toBeNull();
  for (let i = 1; i <= 100; i++) series.add(i * 500, i);
  expect(series.rate).toBe(2);
  series.add(50_000 + 60_000, 7);
  expect(series.rate).toBeCloseTo(1 / 60);
  for (let i = 1; i <= 5_000; i++) series.add(200_000 + i * 100, i);
  expect(series.rate).toBeCloseTo(10);
  expect(series.times).toHaveLength(1_200);
  series.add(0, -1); // a clock that was set back
  expect(series.times.at(-1)).toBe(series.times.at(-2));
  expect(series.extremes).toEqual([-1, 5_000]);
});

/** How many pixels of the plot are not blank. */
const ink = (card) =>
  card.locator("canvas").evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i] > 0) count++;
    return count;
  });

test("each field of each device is drawn as it comes, from the pipe and as JSON", async ({ hub, person }) => {
  const started = await hub();
  const alice = await person("alice");
  await alice.page.goto(`${started.url}devices`);
  await alice.page.getByLabel("Room", { exact: true }).fill("lab");
  await alice.page.keyboard.press("Enter");
  await expect(alice.page).toHaveURL(`${started.url}devices#lab`);
  await expect(alice.state).toHaveText("Live");
  await expect(alice.page.getByText("No numbers yet.")).toBeVisible();

  const sensor = await Device.connect(started, "sensor <b>7", "lab");
  const pump = await Device.connect(started, "pump", "lab");
  for (let i = 0; i <= 20; i++) sensor.send(JSON.stringify({ temperature: 20 + i / 2, "<i>odd</i>": -i }));
  pump.send("no number");
  pump.send("flow=3.25");
  const card = (device, field) => alice.page.locator(".device").filter({ has: alice.page.getByRole("heading", { name: device, exact: true }) }).getByRole("article").filter({ has: alice.page.getByRole("heading", { name: field, exact: true }) });
  await expect(card("sensor <b>7", "temperature").locator(".value strong")).toHaveText("30");
  await expect(card("sensor <b>7", "temperature").locator(".value")).toContainText("from 20 to 30");
  await expect(card("sensor <b>7", "<i>odd</i>").locator(".value strong")).toHaveText("-20");
  await expect(card("pump", "flow").locator(".value strong")).toHaveText("3.25");
  await expect(card("pump", "flow").getByRole("img")).toHaveAttribute("aria-label", /^flow of pump: 3.25, from 3.25 to 3.25 since /);
  await expect(alice.page.locator(".device article")).toHaveCount(3);
  await expect.poll(() => ink(card("sensor <b>7", "temperature"))).toBeGreaterThan(500);
  await expect(alice.page.getByText("No numbers yet.")).toBeHidden();

  // What the room keeps is drawn to whoever comes later; another room is another picture.
  await alice.page.reload();
  await expect(card("sensor <b>7", "temperature").locator(".value strong")).toHaveText("30");
  await alice.page.evaluate(() => (location.hash = "elsewhere"));
  await expect(alice.page.getByText("No numbers yet.")).toBeVisible();
  await expect(alice.page.locator(".device")).toHaveCount(0);
  sensor.close();
  pump.close();
});

test("a flood of fields stops at a limit, and that is said", async ({ hub, person }) => {
  const started = await hub();
  const alice = await person("alice");
  await alice.page.goto(`${started.url}devices#lab`);
  await expect(alice.state).toHaveText("Live");
  const device = await Device.connect(started, "flood", "lab", { echo: 0 });
  for (let i = 0; i < 100; i++) device.send(`field${i}=${i}`);
  await expect(alice.page.getByText("There are more fields than the 64 that are drawn.")).toBeVisible();
  await expect(alice.page.locator(".device article")).toHaveCount(64);
  device.close();
});

test("the lines to copy work, whatever the room is called", async ({ hub, person }) => {
  const started = await hub();
  const room = "it's a \"room\" $(touch x) \\ ä/b";
  const alice = await person("alice", { permissions: ["clipboard-read", "clipboard-write"] });
  await alice.page.goto(`${started.url}devices#${encodeURIComponent(room)}`);
  await expect(alice.state).toHaveText("Live");
  const recipe = (name) => alice.page.locator(".recipe").filter({ has: alice.page.getByRole("button", { name: `Copy the lines for ${name}` }) });
  await alice.page.getByRole("button", { name: "Copy the lines for wscat" }).click();
  await expect(recipe("wscat").getByRole("button")).toHaveText("Copied");
  const line = await alice.page.evaluate(() => navigator.clipboard.readText());
  expect(line).toBe(await recipe("wscat").locator("pre").textContent());

  // A shell makes of it exactly one address, and a device that connects there is in the room.
  const words = execFileSync("sh", ["-c", line.replace(/^wscat/, "printf '%s\\n'")]).toString().trim().split("\n");
  expect(words).toHaveLength(2);
  const address = new URL(words[1]);
  expect(address.searchParams.get("room")).toBe(room);
  const device = await Device.at(address);
  device.send("1.5");
  await expect(alice.page.locator(".value strong")).toHaveText("1.5");
  device.close();

  // The others have the same address.
  expect(await recipe("Python").locator("pre").textContent()).toContain(`connect("${address.href}")`);
  expect(await recipe("Arduino").locator("pre").textContent()).toContain(`hub.begin("127.0.0.1", ${started.port}, "${address.pathname}${address.search}", "")`);
});
