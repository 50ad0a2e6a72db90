// Echoes with k6: each user sends a message, waits until it comes back, and sends the next.
//   k6 run --vus 100 --duration 30s examples/k6/echo.js
//   k6 run -e URL=ws://other:8080 …
import { WebSocket } from "k6/websockets";
import { check } from "k6";
import { Trend } from "k6/metrics";

const URL = __ENV.URL || "ws://localhost:8080";
const MESSAGES = Number(__ENV.MESSAGES || 100); // of a user, then it comes again
const roundTrip = new Trend("round_trip", true);

export const options = { thresholds: { checks: ["rate==1"], round_trip: ["p(99)<1000"] } };

export default function () {
  const socket = new WebSocket(`${URL}/ws/k6-${__VU}`);
  let sent = 0;
  let at = 0;
  const next = () => {
    at = Date.now();
    socket.send(`message ${++sent}`);
  };
  socket.onopen = next;
  socket.onmessage = ({ data }) => {
    roundTrip.add(Date.now() - at);
    check(data, { "what comes back is what was sent": (text) => text === `Echo: message ${sent}` });
    if (sent < MESSAGES) next();
    else socket.close();
  };
  socket.onerror = ({ error }) => check(error, { "no error": () => false });
}
