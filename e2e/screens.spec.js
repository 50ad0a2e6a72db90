import { fileURLToPath } from "node:url";
import { Device } from "./device.js";
import { expect, test } from "./people.js";

// Not a test: `npm run screens` writes the states of the page into screens/.
test.use({ cuts: true });

const shoot = ({ page }, name) =>
  page.screenshot({ path: fileURLToPath(new URL(`screens/${name}.png`, import.meta.url)), caret: "initial" });

for (const [name, options] of [
  ["wide-light", { viewport: { width: 1280, height: 800 }, colorScheme: "light" }],
  ["wide-dark", { viewport: { width: 1280, height: 800 }, colorScheme: "dark" }],
  ["phone-light", { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: "light" }],
  ["phone-dark", { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: "dark" }],
]) {
  test(`screens ${name}`, async ({ hub, wire, person }) => {
    const started = await hub("--history-messages", "20");
    const cable = await wire(started);
    const mira = await person("Mira", options);
    await mira.page.goto(`${cable.url}#greenhouse`);
    await mira.page.getByLabel("Your name").fill("Mira");
    await shoot(mira, `${name}-door`);

    await mira.enter(cable.url, "greenhouse");
    const jonas = await (await person("Jonas")).enter(started.url, "greenhouse");
    const sensor = await Device.connect(started, "sensor-3", "greenhouse");
    let count = 0;
    const told = async () => expect(mira.words).toHaveCount(++count);
    await mira.say("Morning! Did anyone open the vents yet?");
    await told();
    await jonas.say("Not yet, the sensor says it is still cold in there.");
    await told();
    sensor.send('{"temperature":11.8,"humidity":0.71,"vents":"closed"}');
    await told();
    await mira.say("Then let us wait until it is 15 °C.");
    await told();
    await mira.say("I moved the seedlings to the south side, by the way.\nThe tomatoes stay where they are.");
    await told();
    await jonas.say("Good idea. Looking at last night’s log now.");
    await told();
    sensor.send(Buffer.from("89504e470d0a1a0a0000000d49484452000000200000002008060000", "hex"));
    await told();
    await jonas.say("All quiet since four. See you at noon!");
    await told();
    await expect(mira.people).toHaveText(["Jonas", "Mira", "sensor-3"]);
    await shoot(mira, `${name}-room`);

    cable.cut();
    await expect(mira.state).toHaveText(/^Offline since /);
    await mira.say("Is the pump on?");
    await expect(mira.pending).toHaveCount(1);
    await shoot(mira, `${name}-offline`);
    for (let i = 1; i <= 31; i++) {
      sensor.send(`{"temperature":${(12 + i / 10).toFixed(1)}}`);
      // All at once would be a gap for those who are there, too: the hub keeps 20.
      if (i % 10 === 1) await expect(jonas.words).toHaveCount(count + i);
    }
    cable.mend();
    await expect(mira.state).toHaveText(/^Live, caught up/, { timeout: 25_000 });
    await expect(mira.pending).toHaveCount(0);
    await mira.page.locator(".note.gap").evaluate((note) => note.scrollIntoView({ block: "center" }));
    await shoot(mira, `${name}-gap`);
    if (name.startsWith("phone")) {
      await mira.page.getByRole("button", { name: "People" }).click();
      await shoot(mira, `${name}-people`);
    }
  });
}
