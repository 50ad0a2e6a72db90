// A room with k6: every user joins it and publishes once a second; everybody gets everything, in order.
//   k6 run --vus 100 --iterations 100 examples/k6/room.js
//   k6 run -e URL=ws://other:8080 -e ROOM=lab -e MESSAGES=30 …
import { WebSocket } from "k6/websockets";
import { check } from "k6";
import { Counter, Trend } from "k6/metrics";

const URL = __ENV.URL || "ws://localhost:8080";
const ROOM = __ENV.ROOM || "k6";
const MESSAGES = Number(__ENV.MESSAGES || 10); // of a user
const EVERY = Number(__ENV.EVERY || 1000); // milliseconds
const delivered = new Counter("delivered");
const delivery = new Trend("delivery", true);

export const options = { thresholds: { checks: ["rate==1"], delivered: ["count>0"] } };

export default function () {
  const socket = new WebSocket(`${URL}/ws/k6-${__VU}`, "hubbub.v1");
  const say = (command) => socket.send(JSON.stringify(command));
  let offset = 0;
  let published = 0;
  const events = {
    welcome: () => say({ type: "join", ref: 1, room: ROOM }),
    joined: ({ position }) => {
      offset = position.offset;
      const timer = setInterval(() => {
        say({ type: "publish", ref: ++published, room: ROOM, data: { at: Date.now() } });
        if (published === MESSAGES) clearInterval(timer);
      }, EVERY);
    },
    message: (event) => {
      delivered.add(1);
      delivery.add(Date.now() - event.data.at);
      check(event, { "the next offset": () => event.offset === offset + 1 });
      offset = event.offset;
    },
    published: ({ ref }) => {
      if (ref === MESSAGES) setTimeout(() => socket.close(), EVERY); // what the others said meanwhile is on its way
    },
    error: (event) => check(event, { "no error": () => false }),
    gap: (event) => check(event, { "no gap": () => false }),
  };
  socket.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    events[event.type]?.(event);
  };
  socket.onerror = ({ error }) => check(error, { "no error": () => false });
}
