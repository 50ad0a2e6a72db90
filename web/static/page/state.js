import { say } from "./dom.js";
import { nextTryInWords, stateInWords } from "./words.js";

/**
 * <hub-state> says how a hub's connection is, always and in words, and offers to try at once.
 * The markup in it (dot, .state-text, .state-next, button) is in the page, so that it is there before any script.
 */
class State extends HTMLElement {
  #hub = null;
  #room = null;
  #off;
  #countdown;

  connectedCallback() {
    this.querySelector("button").addEventListener("click", () => this.#hub?.retry());
  }

  /** Shows the state of that hub from now on. */
  set hub(hub) {
    this.#off?.();
    this.#hub = hub;
    this.#off = hub?.on("state", () => this.show(this.#room));
    this.show(null);
  }

  /** room: what is known about the room one looks at, see stateInWords. */
  show(room) {
    this.#room = room;
    clearInterval(this.#countdown);
    if (!this.#hub) return;
    const { tone, text } = stateInWords(this.#hub.state, room);
    this.dataset.tone = tone;
    say(this.querySelector(".state-text"), text);
    this.#showNext();
    if (this.#hub.state.retryAt !== null) this.#countdown = setInterval(() => this.#showNext(), 1000);
  }

  #showNext() {
    const { state } = this.#hub;
    const { text, seconds } = nextTryInWords(state);
    say(this.querySelector(".state-next"), text);
    const again = this.querySelector("button");
    again.hidden = !(seconds > 2 || state.name === "refused");
    say(again, state.name === "refused" ? "Connect again" : "Try now");
  }
}

customElements.define("hub-state", State);
