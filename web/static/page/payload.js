// How a payload is shown: always as text, whatever is in it.

const ONE_LINE = 72; // JSON up to here stays on one line
const PREVIEW = 32; // bytes of a binary payload that are shown

/** {kind, label, text}: label says what it is where that is not plain from the text, else it is empty. */
export function describe({ kind, data }) {
  if (kind === "text") return { kind, label: "", text: data };
  if (kind === "json") return { kind, label: "JSON", text: prettyJSON(data) };
  const more = data.length > PREVIEW ? " …" : "";
  return { kind, label: `Binary, ${sizeInWords(data.length)}`, text: hex(data.subarray(0, PREVIEW)) + more };
}

function prettyJSON(value) {
  const pretty = JSON.stringify(value, null, 2);
  const line = pretty.replace(/\n\s*/g, " ");
  return line.length <= ONE_LINE ? line : pretty;
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

export function sizeInWords(bytes) {
  if (bytes === 1) return "1 byte";
  if (bytes < 10_000) return `${bytes.toLocaleString("en")} bytes`;
  if (bytes < 1 << 20) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}

/** The first characters of a long text, cut where no character is torn apart. */
export function clip(text, length) {
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}

/** A letter or digit that stands for a name, and one of eight colours for it. */
export function badge(name) {
  const letter = name.match(/\p{L}|\p{N}|\p{Extended_Pictographic}/u)?.[0] ?? "•";
  let hash = 2166136261; // FNV-1a
  for (const char of name) hash = Math.imul(hash ^ char.codePointAt(0), 16777619);
  return { letter: letter.toUpperCase(), hue: (hash >>> 16) % 8 };
}
