import { fileURLToPath } from "node:url";
import { Device } from "./device.js";
import { expect, test } from "./people.js";

// Not a test: `make screens` writes the states of the pages into web/testdata/screens.
test.use({ cuts: true });

async function shoot({ page }, name) {
  await page.mouse.move(0, 0);
  await page.screenshot({ path: fileURLToPath(new URL(`../web/testdata/screens/${name}.png`, import.meta.url)), caret: "initial" });
}

const WIDE = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

/** One after the other, each in its place, for everybody. */
async function conversation(mira, jonas, sensor) {
  let count = 0;
  const then = async (say) => {
    await say;
    await expect(mira.words).toHaveCount(++count);
  };
  await then(mira.say("Morning! Did anyone open the vents yet?"));
  await then(jonas.say("Not yet, the sensor says it is **still cold** in there: https://example.org/vents"));
  await then(sensor.send('{"temperature":11.8,"humidity":0.71,"vents":"closed"}'));
  await then(mira.say("Then let us wait until it is 15 °C. I moved the seedlings, by the way:\n- tomatoes to the south side\n- peppers stay where they are"));
  await then(jonas.say("Good idea. This should do it:\n```js\nif (temperature > 15) open(\"vents\");\n```"));
  await then(sensor.send(Buffer.from("89504e470d0a1a0a0000000d49484452", "hex")));
  await then(mira.say(":seedling::tada:"));
  return count;
}

for (const [name, options] of [
  ["wide-light", { ...WIDE, colorScheme: "light" }],
  ["wide-dark", { ...WIDE, colorScheme: "dark" }],
  ["phone-light", { ...PHONE, colorScheme: "light" }],
  ["phone-dark", { ...PHONE, colorScheme: "dark" }],
]) {
  test(`screens of the chat, ${name}`, async ({ hub, wire, person }) => {
    const started = await hub("--history-messages", "20");
    const cable = await wire(started);
    const mira = await person("Mira", options);
    await mira.page.goto(`${cable.url}#greenhouse`);
    await mira.page.getByLabel("Your name").fill("Mira");
    await shoot(mira, `${name}-door`);

    await mira.enter(cable.url, "greenhouse");
    const jonas = await (await person("Jonas")).enter(started.url, "greenhouse");
    const sensor = await Device.connect(started, "sensor-3", "greenhouse");
    const count = await conversation(mira, jonas, sensor);
    await mira.go("harvest");
    await shoot(mira, `${name}-empty`);
    await jonas.say("All quiet since four. See you at noon!");
    await jonas.go("@Mira");
    await jonas.say("I have the key, by the way.");
    const phone = name.startsWith("phone");
    if (phone) await mira.page.getByRole("button", { name: /^Rooms/ }).click();
    await expect(mira.place("Jonas")).toHaveAccessibleName("Jonas 1 unread");
    await expect(mira.place("greenhouse")).toHaveAccessibleName("greenhouse 1 unread");
    if (phone) {
      await mira.page.waitForTimeout(300); // it slides
      await shoot(mira, `${name}-rooms`);
      await mira.page.keyboard.press("Escape");
    }
    await mira.go("greenhouse");
    await jonas.go("greenhouse");
    await expect(mira.people).toHaveText(["Jonas", "Mira", "sensor-3"]);
    await jonas.page.getByLabel("Message", { exact: true }).pressSequentially("Is");
    await expect(mira.page.locator("#typing")).toHaveText("Jonas is typing…");
    await mira.page.getByLabel("Message", { exact: true }).focus();
    await shoot(mira, `${name}-room`);

    cable.cut();
    await expect(mira.state).toHaveText(/^Offline since /);
    await mira.say("Is the pump on?");
    await expect(mira.pending).toHaveCount(1);
    await shoot(mira, `${name}-offline`);
    for (let i = 1; i <= 31; i++) {
      sensor.send(`{"temperature":${(12 + i / 10).toFixed(1)}}`);
      // All at once would be a gap for those who are there, too: the hub keeps 20.
      if (i % 10 === 1) await expect(jonas.words).toHaveCount(count + 1 + i);
    }
    cable.mend();
    await expect(mira.state).toHaveText(/^Live, caught up/, { timeout: 25_000 });
    await expect(mira.pending).toHaveCount(0);
    await mira.page.locator(".note.gap").first().evaluate((note) => note.scrollIntoView({ block: "center" }));
    await shoot(mira, `${name}-gap`);
    sensor.close();
  });

  test(`screens of devices and status, ${name}`, async ({ hub, person }) => {
    const started = await hub("--instance", "north-1");
    const operator = await person("operator", options);
    await operator.page.goto(`${started.url}status`);
    await expect(operator.state).toHaveText("Live");
    const [sensor, pump] = await Promise.all(["sensor-3", "pump"].map((device) => Device.connect(started, device, "greenhouse", { echo: 0 })));
    for (let i = 0; i < 150; i++) {
      sensor.send(JSON.stringify({ temperature: Number((21 + 2 * Math.sin(i / 12) + ((i * 7919) % 13) / 60).toFixed(2)), humidity: Number((0.6 + 0.1 * Math.cos(i / 19)).toFixed(3)), soil: 412 + ((i * 3) % 40) }));
      if (i % 3 === 0) pump.send(`flow=${(3 + Math.sin(i / 8)).toFixed(2)}, on=${i % 60 > 30 ? 1 : 0}`);
      await operator.page.waitForTimeout(80 + 30 * Math.sin(i / 20));
    }
    await shoot(operator, `${name}-status`);
    await operator.page.goto(`${started.url}devices#greenhouse`);
    await expect(operator.page.locator(".device article")).toHaveCount(5);
    await expect(operator.page.locator("canvas")).toHaveCount(5);
    await shoot(operator, `${name}-devices`);
    sensor.close();
    pump.close();
  });
}
