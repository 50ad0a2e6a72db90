// Everything that happens on the wire, in words.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const timeOfDay = (time) => clock.format(time);
export const dayName = (time) => day.format(time);
export const exactTime = (time) => exact.format(time);

export function messages(count) {
  return count === 1 ? "1 message" : `${count.toLocaleString("en")} messages`;
}

/** The connection's state: {tone: "wait" | "good" | "bad", text}. room is what we know about the room:
 *  {joined, refused, behind, caughtUp}. */
export function stateInWords(state, room) {
  if (state.name === "refused") return { tone: "bad", text: closeInWords(state) };
  if (state.name === "offline") return { tone: "bad", text: `Offline since ${timeOfDay(state.since)}` };
  if (state.name === "connecting") {
    return { tone: "wait", text: state.retryAt === null ? "Connecting…" : "The hub does not answer" };
  }
  if (room.refused) return { tone: "bad", text: "Not in this room" };
  if (!room.joined) return { tone: "wait", text: "Joining…" };
  if (room.behind) return { tone: "wait", text: `Catching up: ${messages(room.behind)}…` };
  if (!room.caughtUp) return { tone: "good", text: "Live" };
  return { tone: "good", text: `Live, ${caughtUpInWords(room.caughtUp)}` };
}

function caughtUpInWords({ count, missed, anew }) {
  let text = count === 0 ? "nothing was missed" : `caught up with ${messages(count)}`;
  if (anew) text = count === 0 ? "the log began anew" : `${text} of a new log`;
  return missed === 0 ? text : `caught up with ${messages(count)}, a gap of ${missed.toLocaleString("en")}`;
}

const CLOSED = {
  1000: "Closed",
  4500: "The hub did not accept your token",
  4501: "Your token has expired",
  4502: "You are not allowed in here",
  4503: "The hub closed the connection: too many malformed commands",
};

function closeInWords({ code, reason }) {
  return CLOSED[code] ?? `The hub closed the connection for good (${code}${reason ? `: ${reason}` : ""})`;
}

export function gapInWords(gap) {
  switch (gap.reason) {
    case "epoch":
      return "The room’s log began anew. Older messages not seen here are gone.";
    case "trimmed":
      return `A gap of ${messages(gap.count)}, no longer kept`;
    default:
      return `A gap of ${messages(gap.count)} that did not arrive`;
  }
}

const ERRORS = {
  forbidden: "You are not allowed to do that.",
  unauthorized: "The hub wants a valid token first.",
  too_many_rooms: "You are in too many rooms.",
  rate_limited: "Too fast: the hub asks for a pause.",
  unavailable: "The hub cannot store messages at the moment.",
  bad_request: "The hub did not understand that.",
  internal: "Something went wrong inside the hub.",
  too_large: "The message is too long for this hub.",
  queue_full: "Too much is waiting to be sent already.",
  uncertain: "Sent, but the hub never confirmed it. It may or may not have arrived.",
  refused: "The hub refused the connection.",
  closed: "The connection is closed.",
};

/** An error for a reader: our words, and what the hub said about it. */
export function errorInWords({ code, message }) {
  const words = ERRORS[code];
  if (!words) return message || "Something went wrong.";
  const ours = ["too_large", "queue_full", "uncertain", "refused", "closed"].includes(code);
  return ours || !message ? words : `${words} (${message})`;
}
