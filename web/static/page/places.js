import { addressOf } from "./address.js";
import { $, avatar, button, icon, keep, make, named, say } from "./dom.js";
import { roomProblem, clientProblem } from "../hubbub.js";
import { number } from "./words.js";

/**
 * <hub-places>: the rooms one is in, and whom one writes to, with how much is unread.
 *
 * Events: go {detail: name}, part {detail: talk}
 */
class Places extends HTMLElement {
  connectedCallback() {
    $("add").addEventListener("click", () => this.#toggle($("go").hidden));
    $("go").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#go($("go-name").value.trim());
    });
    $("go-name").addEventListener("keydown", (event) => event.key === "Escape" && this.#toggle(false));
  }

  set me(name) {
    $("me").textContent = name;
    $("me-avatar").replaceChildren(avatar(name, "little"));
    $("direct-self").textContent = "Notes to yourself";
    $("direct-self").href = addressOf(`@${name}`);
  }

  show(talks, current) {
    const all = [...talks];
    const direct = all.filter(({ other }) => other !== undefined);
    const update = (place, talk) => showPlace(place, talk, talk === current);
    keep($("rooms"), all.filter(({ other }) => other === undefined), (talk) => talk, (talk) => this.#place(talk), update);
    keep($("direct"), direct, (talk) => talk, (talk) => this.#place(talk), update);
    $("direct-none").hidden = direct.length > 0;
  }

  #place(talk) {
    const { other, name } = talk;
    const sign = other === undefined ? make("span", "sign", name.startsWith("$") ? "" : "#") : avatar(other, "little");
    sign.setAttribute("aria-hidden", "true");
    const link = make("a", "", sign, named(other ?? name, "clip"), make("span", "badge", make("span"), make("span", "unseen", " unread")));
    link.href = addressOf(name);
    const part = button("", () => this.dispatchEvent(new CustomEvent("part", { detail: talk })), "quiet icon small");
    part.append(icon("M6 6l12 12M18 6L6 18"), make("span", "unseen", "Leave ", named(other ?? name)));
    return make("li", "place", link, part);
  }

  #toggle(open) {
    $("go").hidden = !open;
    $("add").setAttribute("aria-expanded", String(open));
    this.#problem(null);
    $("go-name").value = "";
    (open ? $("go-name") : $("add")).focus();
  }

  #go(name) {
    const problem = name.startsWith("@") ? clientProblem(name.slice(1)) : roomProblem(name);
    this.#problem(problem);
    if (problem) return;
    this.#toggle(false);
    this.dispatchEvent(new CustomEvent("go", { detail: name }));
  }

  #problem(problem) {
    say($("go-problem"), problem ?? "");
    $("go-name").setAttribute("aria-invalid", String(problem !== null));
  }
}

function showPlace(place, { unread }, current) {
  const link = place.querySelector("a");
  if (current) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
  place.classList.toggle("unread", unread > 0);
  const badge = place.querySelector(".badge");
  badge.hidden = unread === 0;
  say(badge.firstChild, unread > 999 ? "999+" : number(unread));
}

customElements.define("hub-places", Places);
