import { avatar, make, named, say } from "./dom.js";
import "./plot.js";
import { short } from "./plot.js";
import { Series } from "./series.js";
import { badge } from "./payload.js";
import { timeOfDay } from "./words.js";

/** A device on the page: its name, and a card for each field that it sends. */
export class Device {
  element;
  cards = new Map(); // field → {series, …elements}
  #name;
  #rate = make("span", "faint");
  #plots = make("div", "plots");
  #changed = new Set(); // cards whose series has news
  #heard = 0;

  constructor(name) {
    this.#name = name;
    const title = make("h2", "clip", named(name));
    this.element = make("section", "device", make("div", "device-head", avatar(name), title, this.#rate), this.#plots);
  }

  /** Takes a field's value. room says whether one more card may be made; returns whether there was room. */
  add(field, time, value, room) {
    let card = this.cards.get(field);
    if (!card) {
      if (!room) return false;
      card = makeCard(field);
      this.cards.set(field, card);
      this.#plots.append(card.element);
    }
    card.series.add(time, value);
    this.#changed.add(card);
    this.#heard = Date.now();
    return true;
  }

  /** Draws what has changed. */
  draw(now) {
    for (const card of this.#changed) {
      const { series } = card;
      const [low, high] = series.extremes;
      say(card.last, exact(series.last));
      say(card.range, low === high ? "" : `from ${short(low)} to ${short(high)}`);
      say(card.rate, rateInWords(series.rate));
      card.plot.say(`${series.name} of ${this.#name}: ${exact(series.last)}, from ${short(low)} to ${short(high)} since ${timeOfDay(series.times[0] * 1000)}`);
      card.plot.show(series.times, [{ hue: badge(series.name).hue, values: series.values }]);
    }
    this.#changed.clear();
    const silent = Math.round((now - this.#heard) / 1000);
    say(this.#rate, silent > 10 ? `silent for ${silent < 120 ? `${silent} s` : `${Math.round(silent / 60)} min`}` : "sending");
  }
}

function makeCard(field) {
  const card = { series: new Series(field), last: make("strong"), range: make("span"), rate: make("span"), plot: document.createElement("hub-plot") };
  const title = make("h3", "clip", named(field));
  card.element = make(
    "article",
    "panel",
    make("div", "plot-head", title, make("span", "readout")),
    make("p", "value", card.last, card.range, card.rate),
    card.plot,
  );
  return card;
}

/** A value as it came, but not longer than it helps. */
const exact = (value) => String(Number(value.toPrecision(7)));

export function rateInWords(rate) {
  if (rate === null) return "";
  return rate >= 0.95 ? `${short(Number(rate.toPrecision(2)))} a second` : `one in ${short(Math.round(1 / rate))} s`;
}
