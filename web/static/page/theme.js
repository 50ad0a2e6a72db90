import { $ } from "./dom.js";
import { recall, remember } from "./memory.js";

// The theme: the system's, unless one chose another. early.js sets it before the first paint; this is the button.

const NEXT = { "": "light", light: "dark", dark: "" };
const NAMES = { "": "as the system has it", light: "light", dark: "dark" };

export function themeButton(button = $("theme")) {
  const show = (theme) => {
    const words = `Theme: ${NAMES[theme]}`;
    button.setAttribute("aria-label", words);
    button.title = words;
  };
  show(recall("localStorage", "hubbub.theme") in NEXT ? recall("localStorage", "hubbub.theme") : "");
  button.addEventListener("click", () => {
    const theme = NEXT[document.documentElement.dataset.theme ?? ""];
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    remember("localStorage", "hubbub.theme", theme || null);
    show(theme);
    dispatchEvent(new Event("themechange"));
  });
}
