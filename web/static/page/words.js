// Everything that happens on the wire, in words.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** A time beyond what a calendar has must not throw: it came from the network. */
const readable = (time) => (Number.isFinite(time) && Math.abs(time) < 8.64e15 ? time : 0);

export const timeOfDay = (time) => clock.format(readable(time));
export const exactTime = (time) => exact.format(readable(time));
export const isoTime = (time) => new Date(readable(time)).toISOString();
export const dayKey = (time) => new Date(readable(time)).toDateString();

export function dayName(time, now = Date.now()) {
  const key = dayKey(time);
  if (key === dayKey(now)) return "Today";
  if (key === dayKey(now - 86_400_000)) return "Yesterday";
  const sameYear = new Date(readable(time)).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? day : dayOfYear).format(readable(time));
}

export const number = (n) => n.toLocaleString("en");
export const messages = (count) => (count === 1 ? "1 message" : `${number(count)} messages`);

/** How the connection is: {tone: "wait" | "good" | "bad", text}. room is what is known of the room, if it is about one:
 *  {joined, refused, behind, caughtUp}. */
export function stateInWords(state, room = null) {
  switch (state.name) {
    case "closed":
      return { tone: "bad", text: "Closed" };
    case "refused":
      return { tone: "bad", text: refusalInWords(state) };
    case "offline":
      return { tone: "bad", text: `Offline since ${timeOfDay(state.since)}` };
    case "connecting":
      return { tone: "wait", text: state.retryAt === null ? "Connecting…" : "The hub does not answer" };
  }
  if (!room) return { tone: "good", text: "Live" };
  if (room.refused) return { tone: "bad", text: "Not in this room" };
  if (!room.joined) return { tone: "wait", text: "Joining…" };
  if (room.behind) return { tone: "wait", text: `Catching up: ${messages(room.behind)}…` };
  if (!room.caughtUp) return { tone: "good", text: "Live" };
  return { tone: "good", text: `Live, ${caughtUpInWords(room.caughtUp)}` };
}

function caughtUpInWords({ count, missed, anew }) {
  let text = count === 0 ? "nothing was missed" : `caught up with ${messages(count)}`;
  if (anew) text = count === 0 ? "the log began anew" : `${text} of a new log`;
  return missed === 0 ? text : `caught up with ${messages(count)}, a gap of ${number(missed)}`;
}

/** When the next try is: it stands beside the state and not in it, so that a screen reader does not count the seconds aloud. */
export function nextTryInWords({ name, retryAt }, now = Date.now()) {
  if (name !== "offline" && name !== "connecting") return { text: "", seconds: 0 };
  if (retryAt === null) return { text: name === "offline" ? "trying again" : "", seconds: 0 };
  const seconds = Math.max(0, Math.ceil((retryAt - now) / 1000));
  return { text: seconds > 0 ? `next try in ${seconds} s` : "trying again", seconds };
}

const REFUSALS = {
  4500: "The hub did not accept your token",
  4501: "Your token has expired",
  4502: "You are not allowed in here",
  4503: "The hub closed the connection: too many malformed commands",
};

function refusalInWords({ code, reason }) {
  return REFUSALS[code] ?? `The hub closed the connection for good (${code}${reason ? `: ${reason}` : ""})`;
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
  too_many_rooms: "You are in too many rooms: leave one first.",
  rate_limited: "Too fast: the hub asks for a pause.",
  unavailable: "The hub cannot store messages at the moment.",
  bad_request: "The hub did not understand that.",
  internal: "Something went wrong inside the hub.",
  too_large: "The message is too long for this hub.",
  queue_full: "Too much is waiting to be sent already.",
  uncertain: "Sent, but the hub never confirmed it. It may or may not have arrived.",
  refused: "The hub closed the connection.",
  closed: "The connection is closed.",
};

const OURS = new Set(["too_large", "queue_full", "uncertain", "refused", "closed"]);

/** An error for a reader: our words, and what the hub said about it. */
export function errorInWords({ code, message }) {
  const words = ERRORS[code];
  if (!words) return message || "Something went wrong.";
  return OURS.has(code) || !message ? words : `${words} (${message})`;
}

/** Who types, null if nobody does: [before the name, …] is for elements, so it comes as a list of {name} and plain text. */
export function typingInWords(names) {
  if (names.length === 0) return [];
  if (names.length === 1) return [{ name: names[0] }, " is typing…"];
  if (names.length === 2) return [{ name: names[0] }, " and ", { name: names[1] }, " are typing…"];
  return [`${names.length} people are typing…`];
}
