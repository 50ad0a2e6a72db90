const wide = matchMedia("(width >= 60rem)"); // as in chat.css

/** What slides over the talk on a narrow screen: opened by a button, closed by its own, by Escape, or by touching what is beside it. */
export class Drawer {
  static #opened = null;
  #element;
  #opener;

  /** onWide is what the buttons do where nothing slides. */
  constructor(element, opener, onWide) {
    this.#element = element;
    this.#opener = opener;
    opener.addEventListener("click", () => (wide.matches ? onWide?.() : this.toggle(!this.open)));
    element.querySelector("[data-close]").addEventListener("click", () => (wide.matches ? onWide?.() : this.close()));
    wide.addEventListener("change", () => this.toggle(false));
  }

  get open() {
    return this.#element.classList.contains("open");
  }

  toggle(open) {
    if (open && Drawer.#opened !== this) Drawer.#opened?.toggle(false);
    this.#element.classList.toggle("open", open);
    this.#opener.setAttribute("aria-expanded", String(open));
    Drawer.#opened = open ? this : null;
    document.getElementById("scrim").hidden = !open;
    document.querySelector(".talk").inert = open; // the keyboard stays in what covers it
    if (open) this.#element.querySelector("a, button")?.focus();
  }

  /** By the keyboard or a button: whoever opened it gets the focus back. */
  close() {
    if (!this.open) return;
    this.toggle(false);
    this.#opener.focus();
  }

  static closeAny() {
    Drawer.#opened?.close();
  }
}

document.getElementById("scrim").addEventListener("click", () => Drawer.closeAny());
addEventListener("keydown", (event) => event.key === "Escape" && Drawer.closeAny());
