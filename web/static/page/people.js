import { addressOf } from "./address.js";
import { $, avatar, keep, make, named, say } from "./dom.js";
import { number } from "./words.js";

/** <hub-people>: who is here. Each name leads to a direct message. */
class People extends HTMLElement {
  /** talk.people is null where there is nobody to list. live: whether the list is of now. */
  show(talk, live) {
    const { count, members } = talk.people ?? { count: 0, members: [] };
    say($("people-when"), live ? "Here now" : "Last seen here");
    const words = count > 0 ? number(count) : "";
    say($("people-count"), words);
    say($("people-count-button"), words);
    keep($("people-list"), members, ({ client }) => client, ({ client }) => person(client, client === talk.me), update);
    $("people-more").hidden = count <= members.length;
    say($("people-more"), `and ${number(count - members.length)} more`);
  }
}

function person(client, own) {
  const inside = [avatar(client, "little"), named(client, "from clip"), own ? make("span", "tag", "you") : "", make("span", "count")];
  if (own) return make("li", "", make("span", "who", ...inside));
  const link = make("a", "", make("span", "unseen", "Write to"), ...inside);
  link.href = addressOf(`@${client}`);
  return make("li", "", link);
}

function update(element, { connections }) {
  say(element.querySelector(".count"), connections > 1 ? `×${connections}` : "");
}

customElements.define("hub-people", People);
