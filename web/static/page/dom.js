// Making elements. Text from the network goes in as textContent here; markdown.js is the one other road.
import { badge } from "./payload.js";

export const $ = (id) => document.getElementById(id);

export function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content.filter((part) => part !== null && part !== undefined && part !== ""));
  return element;
}

/** A name, isolated: its marks that turn text around end with it. */
export const named = (name, className = "") => make("bdi", className, name);

/** The badge of a name: decoration, the name itself stands beside it. */
export function avatar(name, className = "") {
  const { letter, hue } = badge(name);
  const element = make("span", `avatar ${className}`, letter);
  element.dataset.hue = hue;
  element.setAttribute("aria-hidden", "true");
  return element;
}

export function button(label, action, className = "small") {
  const element = make("button", className, label);
  element.type = "button";
  element.addEventListener("click", action);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** Sets a text only if it is another one, so that nothing is read aloud twice. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const kept = new WeakMap(); // parent → Map(key → element)

/**
 * Makes the children of parent those of items, in their order. Each stays the element that it was: it keeps the focus, and a click that
 * has begun on it. create(item) makes one, update(element, item) is called for all.
 */
export function keep(parent, items, key, create, update) {
  const before = kept.get(parent) ?? new Map();
  const now = new Map(items.map((item) => [key(item), before.get(key(item)) ?? create(item)]));
  kept.set(parent, now);
  for (const [key, element] of before) if (!now.has(key)) element.remove();
  let next = parent.firstChild;
  for (const item of items) {
    const element = now.get(key(item));
    update(element, item);
    if (element === next) next = next.nextSibling;
    else parent.insertBefore(element, next);
  }
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard on a page that came over plain http: the old way.
    const field = make("textarea", "unseen");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

/** Makes the button copy what text() gives, and say so for a moment. */
export function copies(element, text) {
  const label = element.textContent;
  element.ariaLive = "polite";
  let timer;
  element.addEventListener("click", async () => {
    element.textContent = (await copy(text())) ? "Copied" : "Could not copy";
    clearTimeout(timer);
    timer = setTimeout(() => (element.textContent = label), 2500);
  });
}
