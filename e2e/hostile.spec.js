import { Device } from "./device.js";
import { expect, test } from "./people.js";

const HOSTILE = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  '"><svg/onload=alert(1)>',
  "</p></div></main><style>*{display:none}</style>",
  "javascript:alert(1)",
  "\u202Egnirts desrever\u202C and \u2066never closed",
  "\u2067\u202E\u202E\u202E right to left",
  "z" + "\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307".repeat(60) + "algo",
  "{{constructor.constructor('alert(1)')()}}",
  "%3Cscript%3E &lt;b&gt; &amp;",
];

test("hostile content stays text", async ({ hub, person }) => {
  const started = await hub();
  const room = "<b>\u202Eroom</b>";
  const alice = await (await person("<img src=x onerror=alert(1)>")).enter(started.url, room);
  const bob = await (await person("bob")).enter(started.url, room);
  await alice.say(...HOSTILE);
  await bob.hears(HOSTILE);
  await alice.hears(HOSTILE);
  await expect(bob.people).toHaveText(["<img src=x onerror=alert(1)>", "bob"]);
  await expect(bob.page.getByRole("heading", { level: 1 })).toHaveText(`Room ${room}`);
  for (const one of [alice, bob]) {
    await expect(one.page.locator(":is(#log, #people, #room-name) :is(script, img, svg, style, a, b)")).toHaveCount(0);
    await one.fits();
  }
  // Each message's marks end with the message: the isolation that keeps them inside is there.
  for (const place of [bob.words.first(), bob.people.first(), bob.page.locator("#room-name")]) {
    await expect(place).toHaveCSS("unicode-bidi", "isolate");
  }
});

test("very long lines and deep JSON do not break the layout", async ({ hub, person }) => {
  const started = await hub();
  const viewport = { width: 390, height: 844 };
  const alice = await (await person("n".repeat(128), { viewport })).enter(started.url, "r".repeat(255));
  const device = await Device.connect(started, "device", "r".repeat(255));
  const line = "W".repeat(60_000);
  device.send(line);
  device.send("\n".repeat(5_000) + "end");
  device.send(JSON.stringify({ key: "v".repeat(3_000), list: Array.from({ length: 500 }, (_, i) => i) }));
  device.send("[".repeat(100) + "]".repeat(100));
  device.send(Buffer.alloc(40_000, 0xab));
  await expect(alice.words).toHaveCount(5);
  await alice.fits();
  await alice.page.getByRole("button", { name: "Show all 60,000 characters" }).click();
  await expect(alice.words.first()).toHaveText(line);
  await alice.fits();
  const box = await alice.page.locator("#composer").boundingBox();
  expect(box.y + box.height).toBeLessThanOrEqual(844);
  device.close();
});
