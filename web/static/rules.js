// The decisions of the client as pure functions: when to come back, which names are names, how a payload travels.

export const DIALECT = "hubbub.v1";

/** An error with a stable code, one of those in hubbub.d.ts. */
export class HubbubError extends Error {
  constructor(code, message, more = {}) {
    super(message);
    this.name = "HubbubError";
    this.code = code;
    Object.assign(this, more);
  }
}

/** limit is missing where the hub has closed the connection without saying it. */
export function tooLarge(bytes, limit = "it did not say how many") {
  return new HubbubError("too_large", `${bytes} bytes are more than the hub takes (${limit})`);
}

// ---- coming back ----------------------------------------------------------------------------------------------

const FIRST = 200; // milliseconds
const LONGEST = 20_000;

/** How long to wait before the try of that number (0 is the first): full jitter, so that everybody whom one
 *  restart has cut comes back spread over the whole span. */
export function backoff(attempt, random = Math.random) {
  return random() * Math.min(LONGEST, FIRST * 2 ** Math.min(attempt, 16));
}

/** 4500–4999 mean: do not come back unchanged. After anything else one comes back. */
export function comesBack(code) {
  return !(code >= 4500 && code <= 4999);
}

/** The hub did not like the token, or likes it no longer. Another one is worth a try. */
export function refusesToken(code) {
  return code === 4500 || code === 4501;
}

/** An error after which the same command is to be sent again, when the pause that the hub asks for is over. */
export function isPassing({ code }) {
  return code === "unavailable" || code === "rate_limited";
}

/** The attempt to start from after a close of that code: those that ask for a pause get one. */
export function firstAttempt(code) {
  if (code === 1012) return 2; // restarting: 0.8 s at most, the hub paces its goodbyes itself
  if (code === 1013 || (code >= 4000 && code <= 4499)) return 4; // overloaded, or cut for a reason: 3.2 s at most
  return 0;
}

// ---- names ----------------------------------------------------------------------------------------------------

const encoder = new TextEncoder();

/** The length in bytes of a text as it travels. */
export function byteLength(text) {
  return encoder.encode(text).length;
}

const CONTROL = /\p{Cc}/u;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** What is wrong with a client's name, in words; null if nothing is. */
export function clientProblem(name) {
  if (name === "") return "Choose a name.";
  if (byteLength(name) > 128) return "That name is too long: 128 bytes at most.";
  if (CONTROL.test(name) || LONE_SURROGATE.test(name)) return "A name cannot hold control characters.";
  if (name.includes("/")) return "A name cannot hold a slash (/).";
  if (name.startsWith("@") || name.startsWith("$")) return "A name cannot begin with @ or $.";
  if (name === "." || name === "..") return "A name cannot be only dots.";
  return null;
}

/** What is wrong with a room's name, in words; null if nothing is. */
export function roomProblem(name) {
  if (name === "") return "Choose a room.";
  if (byteLength(name) > 255) return "That room name is too long: 255 bytes at most.";
  if (CONTROL.test(name) || LONE_SURROGATE.test(name)) return "A room name cannot hold control characters.";
  return null;
}

// ---- payloads -------------------------------------------------------------------------------------------------

/** The part of a command that carries data: bytes as base64, a string as text, anything else as JSON. */
export function encodePayload(data) {
  const bytes = bytesOf(data);
  if (bytes === null) return { data };
  let binary = "";
  for (let i = 0; i < bytes.length; i += 8192) binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return { base64: btoa(binary) };
}

function bytesOf(data) {
  if (data instanceof Uint8Array) return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return null;
}

/** The payload of what was received: kind is "text", "json" or "binary", data a string, any value, or bytes. */
export function decodePayload(frame) {
  if (frame.base64 !== undefined) {
    return { kind: "binary", data: Uint8Array.from(atob(frame.base64), (c) => c.charCodeAt(0)) };
  }
  return { kind: typeof frame.data === "string" ? "text" : "json", data: frame.data };
}

/** A message as listeners get it, from a message event or a page of history. */
export function decodeMessage(frame, epoch) {
  const { offset, from, time, key } = frame;
  return { offset, epoch, from, time, key, ...decodePayload(frame) };
}
