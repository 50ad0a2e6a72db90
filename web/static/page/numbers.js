// The numbers in a payload: [[name, value], …].

const MOST = 32; // of one message
const DEEPEST = 4;
const LONGEST = 60; // characters of a name
const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;

export function numbersIn({ kind, data }) {
  const found = [];
  if (kind === "json") collect(data, "", 0, found);
  else if (kind === "text" && data.length < 4_000) read(data, found);
  return found;
}

function add(found, name, value) {
  if (found.length < MOST && Number.isFinite(value)) found.push([name.slice(0, LONGEST) || "value", value]);
}

function collect(value, name, depth, found) {
  if (found.length >= MOST) return;
  if (typeof value === "number") add(found, name, value);
  else if (typeof value === "boolean") add(found, name, Number(value));
  else if (typeof value === "object" && value !== null && depth < DEEPEST) {
    for (const [key, inner] of Object.entries(value)) collect(inner, name === "" ? key : `${name}.${key}`, depth + 1, found);
  }
}

/** "21.5", "21.5, 40", "t=21.5 h=40", "t: 21.5, h: 40": as devices print them. A text in which there is anything else has none. */
function read(text, found) {
  const parts = text.trim().replace(/\s*[:=]\s*/g, "=").split(/[\s,;]+/).filter(Boolean);
  const values = [];
  for (const part of parts) {
    const [, name = "", value] = part.match(/^(?:([^=]*)=)?([^=]*)$/) ?? [];
    if (value === undefined || !NUMBER.test(value)) return;
    values.push([name, Number(value)]);
  }
  values.forEach(([name, value], i) => add(found, name || (values.length > 1 ? `value ${i + 1}` : "value"), value));
}
