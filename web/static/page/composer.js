import { $, button, say } from "./dom.js";
import { EMOJI, withEmoji } from "./emoji.js";
import { sizeInWords } from "./payload.js";
import { TypingTeller } from "./typing.js";

const NEARLY_FULL = 0.8; // of the hub's limit: from here on the size is shown

/** <hub-composer>: where one writes. What was begun in a talk is there again when one comes back to it. */
class Composer extends HTMLElement {
  #talk = null;
  #limit = () => Infinity;
  #begun = new WeakMap(); // talk → text
  #teller = new TypingTeller();
  #text;

  connectedCallback() {
    this.#text = $("text");
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return; // 229: Safari, while composing
      event.preventDefault();
      $("composer").requestSubmit();
    });
    this.#text.addEventListener("input", () => {
      this.#onInput();
      if (this.#talk) this.#teller.typed(this.#talk, this.#text.value === "");
    });
    $("emoji").addEventListener("beforetoggle", (event) => event.newState === "open" && this.#fillPicker());
    $("emoji").addEventListener("toggle", (event) => {
      const open = event.newState === "open";
      $("open-emoji").setAttribute("aria-expanded", String(open));
      if (open) $("emoji").firstElementChild.focus();
    });
    $("emoji").addEventListener("keydown", (event) => this.#walk(event));
  }

  /** limit() is the most bytes that the hub takes in a message. */
  show(talk, limit) {
    if (this.#talk) this.#begun.set(this.#talk, this.#text.value);
    this.#talk = talk;
    this.#limit = limit;
    this.#teller.reset();
    this.#text.value = (talk && this.#begun.get(talk)) ?? "";
    this.#onInput();
  }

  #send() {
    const text = withEmoji(this.#text.value).replace(/\p{Surrogate}/gu, "\ufffd");
    this.#text.focus();
    if (!this.#talk || text.trim() === "" || this.#tooLong(text)) return;
    this.#talk.send(text);
    this.#teller.reset();
    this.#text.value = "";
    this.#onInput();
  }

  #onInput() {
    const { value } = this.#text;
    // Only where the stylesheet cannot do it.
    if (!CSS.supports("field-sizing", "content")) this.#text.rows = Math.min(8, value.split("\n").length);
    this.#tooLong(value);
  }

  /** Says so, and returns true, if the hub would not take it. */
  #tooLong(text) {
    const limit = this.#limit();
    let problem = "";
    let over = false;
    // One character is six bytes at most as it is sent; shorter ones need not be measured at every key.
    if (this.#talk && text.length * 6 + 1024 > limit * NEARLY_FULL) {
      const size = this.#talk.sizeOf(text);
      over = size > limit;
      if (over) problem = `Too long: ${sizeInWords(size)} as it is sent, and this hub takes ${sizeInWords(limit)}. Shorten it, or send it in parts.`;
      else if (size > limit * NEARLY_FULL) problem = `${sizeInWords(size)} of ${sizeInWords(limit)}`;
    }
    say($("too-long"), problem);
    this.#text.setAttribute("aria-invalid", String(over));
    return over;
  }

  // ---- the picker -------------------------------------------------------------------------------------------------

  #fillPicker() {
    if ($("emoji").childElementCount === 0) {
      for (const [name, emoji] of EMOJI) {
        const choice = button(emoji, () => this.#insert(emoji), "");
        choice.setAttribute("aria-label", name.replaceAll("_", " "));
        choice.title = `:${name}:`;
        choice.tabIndex = -1;
        $("emoji").append(choice);
      }
      $("emoji").firstElementChild.tabIndex = 0;
    }
    const { right, top } = $("open-emoji").getBoundingClientRect();
    // At the button's right edge, or further to the right where the left side would not fit.
    const width = Math.min(320, innerWidth - 24); // as in chat.css
    $("emoji").style.right = `${Math.max(12, Math.min(innerWidth - right, innerWidth - width - 12))}px`;
    $("emoji").style.bottom = `${innerHeight - top + 8}px`;
  }

  /** Arrows walk through the grid; Tab leaves it. */
  #walk(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 8, ArrowUp: -8 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = [...$("emoji").children];
    const next = all[all.indexOf(document.activeElement) + step];
    if (!next) return;
    document.activeElement.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  #insert(emoji) {
    $("emoji").hidePopover();
    this.#text.focus();
    this.#text.setRangeText(emoji, this.#text.selectionStart, this.#text.selectionEnd, "end");
    this.#onInput();
  }
}

customElements.define("hub-composer", Composer);
