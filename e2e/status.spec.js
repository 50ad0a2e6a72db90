import { Board, Instance, percentile } from "../web/static/page/figures.js";
import { Device } from "./device.js";
import { expect, test } from "./people.js";

test.use({ cuts: true }); // an instance is killed under somebody

const BOUNDS = [1, 10, 100];

test("percentiles out of counts", () => {
  expect(percentile([0, 0, 0, 0], BOUNDS, 0.5)).toBeNull();
  expect(percentile([10, 0, 0, 0], BOUNDS, 0.5)).toBe(0.5);
  expect(percentile([0, 10, 0, 0], BOUNDS, 0.5)).toBe(5.5);
  expect(percentile([50, 49, 1, 0], BOUNDS, 0.99)).toBe(10);
  expect(percentile([0, 0, 0, 3], BOUNDS, 0.5)).toBe(100); // beyond the last bound nobody knows
});

test("figures a second are differences: also after a second that got lost, and not across a restart", () => {
  const one = new Instance("a", 0);
  const say = (time, uptime, published, latency = [0, 0, 0, 0]) => one.hear({ uptime, published, latency, latency_bounds: BOUNDS }, time);
  say(1_000, 10, 500, [5, 0, 0, 0]);
  expect(one.now).toMatchObject({ published: null, p99: null });
  say(2_080, 11, 530, [5, 7, 0, 0]);
  expect(one.now.published).toBe(30);
  expect(one.now.latency).toEqual([0, 7, 0, 0]);
  say(4_020, 13, 630);
  expect(one.now.published).toBe(50);
  say(5_000, 0, 3);
  expect(one.now).toMatchObject({ published: null, uptime: 0 });
  expect(one.silent(8_000)).toBe(false);
  expect(one.silent(9_000)).toBe(true);
  for (const odd of [null, 7, "x", { uptime: "x", latency: "y" }, { latency: [1e999], latency_bounds: [] }]) one.hear(odd, 10_000);
});

test("instances come and go, and together they are a sum", () => {
  const board = new Board();
  const figures = ["connections"];
  const say = (name, time, connections, fast, late) => board.hear(name, { uptime: time, connections, rooms: 3, latency: [fast, 0, late, 0], latency_bounds: BOUNDS }, time * 1000);
  say("a", 1, 5, 0, 0);
  board.tick(1_000, figures);
  say("a", 2, 6, 99, 0);
  say("b", 2, 100, 0, 0);
  board.tick(2_000, figures);
  expect(board.lines("connections")).toMatchObject([{ label: "a", values: [5, 6] }, { label: "b", values: [null, 100] }]);
  say("a", 3, 6, 198, 0);
  say("b", 3, 100, 0, 1);
  expect(board.all(3_000)).toMatchObject({ speaking: 2, connections: 106, rooms: 3, p99: 1 });
  board.tick(7_000, figures); // both are silent
  expect(board.all(7_000)).toMatchObject({ speaking: 0, connections: 0, p99: null });
  expect(board.lines("connections")[0].values).toEqual([5, 6, null]);
  say("b", 70, 1, 0, 0);
  board.tick(70_000, figures);
  expect([...board.instances.keys()]).toEqual(["b"]);
  for (let i = 0; i < 700; i++) board.tick(71_000 + i, figures);
  expect(board.times).toHaveLength(600);
  expect(board.lines("connections")[0].values).toHaveLength(600);
});

test("the hub shows itself: connections, rooms, messages, latency", async ({ hub, person }) => {
  const started = await hub("--instance", "north-1");
  const operator = await person("operator");
  await operator.page.goto(`${started.url}status`);
  await expect(operator.state).toHaveText("Live");
  const figure = (name) => operator.page.locator(".figures > div").filter({ has: operator.page.getByText(name, { exact: true }) }).locator("dd");
  await expect(figure("Connections")).toHaveText("1");
  const devices = await Promise.all([1, 2, 3].map((i) => Device.connect(started, `device ${i}`, "lab")));
  await expect(figure("Connections")).toHaveText("4");
  await expect(figure("Rooms")).toHaveText("2");
  const timer = setInterval(() => devices[0].send("7"), 20);
  await expect(figure("Messages in")).toHaveText(/^[1-9]\d* a second$/);
  await expect(figure("Deliveries")).toHaveText(/^[1-9]\d* a second$/);
  await expect(figure("Latency, p99")).toHaveText(/ ms$/);
  clearInterval(timer);
  const row = operator.page.getByRole("row", { name: /^north-1/ });
  await expect(row).toContainText("now");
  await expect(operator.page.locator("#key")).toBeHidden();
  await expect(operator.page.getByRole("img", { name: /^Connections: north-1 4$/ })).toBeVisible();
  await expect(operator.page.locator("hub-plot canvas")).toHaveCount(6);
  for (const device of devices) device.close();
});

test("two instances over Redis are one hub: people on both talk, and each sees both", async ({ hub, redis, person }) => {
  const [north, south] = await Promise.all(["north", "south"].map((name) => hub("--instance", name, "--redis-url", redis.url)));
  const alice = await (await person("alice")).enter(north.url, "lobby");
  const bob = await (await person("bob")).enter(south.url, "lobby");
  await expect(alice.people).toHaveText(["alice", "bob"]);
  await alice.say("from the north");
  await bob.say("from the south");
  for (const one of [alice, bob]) await expect(one.words).toHaveCount(2);
  expect(await alice.words.allInnerTexts()).toEqual(await bob.words.allInnerTexts());
  await alice.page.getByRole("link", { name: "Write to bob" }).click();
  await alice.say("psst");
  await expect(bob.place("alice")).toHaveAccessibleName("alice 1 unread");

  await alice.page.goto(`${north.url}status`);
  await expect(alice.page.getByRole("row", { name: /^north now/ })).toBeVisible();
  await expect(alice.page.getByRole("row", { name: /^south now/ })).toBeVisible();
  await expect(alice.page.locator("#all-connections")).toHaveText("2");
  await south.stop("SIGKILL");
  await expect(alice.page.getByRole("row", { name: /^south silent for/ })).toBeVisible();
  await expect(alice.page.locator("#all-connections")).toHaveText("1");
});

test("several instances: a row, a colour and a line each, and who falls silent is seen", async ({ hub, person }) => {
  const { url } = await hub();
  const operator = await person("operator");
  await operator.page.clock.install();
  let tell;
  await operator.page.routeWebSocket(/\/ws\//, (socket) => {
    tell = (frame) => socket.send(JSON.stringify(frame));
    socket.onMessage((text) => {
      const { type, room, ref } = JSON.parse(text);
      if (type === "join") tell({ type: "joined", ref, room, position: { epoch: "e", offset: 0 }, count: 1 });
      if (type === "ping") tell({ type: "pong", ref, time: 1 });
    });
    tell({ type: "welcome", protocol: "hubbub.v1", client: "x", connection: "1", instance: "1", ping: 25, limits: { message: 65536, rooms: 128 } });
  });
  await operator.page.goto(`${url}status`);
  await expect(operator.state).toHaveText("Live");
  const second = async (i, ...names) => {
    for (const [k, name] of names.entries()) {
      const latency = [i * 100, 0, 0, name === "slow" ? i * 5 : 0];
      tell({ type: "signal", room: "$status", from: name, data: { uptime: 100 + i, connections: 10 * (k + 1), rooms: 4, members: 9, slow: k, log_bytes: 2048, published: i * 50, delivered: i * 500, bytes_out: 0, gaps: 2, latency, latency_bounds: BOUNDS } });
    }
    await operator.page.clock.runFor(1_000);
  };
  for (let i = 0; i < 4; i++) await second(i, "fast", "slow");
  const rows = operator.page.locator("#instances tr");
  await expect(rows).toHaveCount(2);
  await expect(rows.nth(0)).toHaveText(["fast", "now", "1 min", "10", "4", "9", "50", "500", "< 1 ms", "< 1 ms", "0", "2", "2,048 bytes"].join(""));
  await expect(rows.nth(1)).toContainText("100 ms");
  await expect(operator.page.locator("#key li")).toHaveText(["fast", "slow"]);
  await expect(operator.page.locator("#all-connections")).toHaveText("30");
  await expect(operator.page.locator("#all-published")).toHaveText("100");
  await expect(operator.page.locator("#all-delivered")).toHaveText("1K");
  await expect(operator.page.locator("#all-slow")).toHaveText("1");
  for (let i = 4; i < 10; i++) await second(i, "fast");
  await expect(rows.nth(1)).toContainText(/silent for \d+ s/);
  await expect(operator.page.locator("#all-connections")).toHaveText("10");
});
