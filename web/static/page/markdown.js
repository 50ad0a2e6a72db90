// A message as markdown: marked reads it, DOMPurify lets through what is on this list and nothing else. It is loaded when the
// first room is entered, not for the door.
import "../vendor/purify.js"; // no module: it makes globalThis.DOMPurify
import { Marked } from "../vendor/marked.js";

const LONGEST = 8_000; // characters; longer texts are shown as they are, so that nobody can keep the page busy with one message
const DEEPEST = /^[ \t]*(?:(?:>|[-*+]|\d+[.)])[ \t]*){6}/m; // quotes and lists in each other, likewise

const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const marked = new Marked({
  gfm: true,
  breaks: true, // who presses Shift+Enter means it
  renderer: {
    html: ({ text }) => escape(text), // markup in a message is text
    heading({ tokens }) {
      return `<p><strong>${this.parser.parseInline(tokens)}</strong></p>\n`; // the page has its own order of headings
    },
    // A picture from elsewhere would tell its server who reads this, and when: a link leaves that to the reader.
    image: ({ href, text }) => `<a href="${escape(href)}">${escape(text || href)}</a>`,
    // As it was written: "&lt;" is not "<" to people who write to each other.
    text(token) {
      return token.tokens ? this.parser.parseInline(token.tokens) : token.escaped ? token.text : escape(token.text);
    },
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  },
});

const purify = globalThis.DOMPurify;
const RULES = {
  RETURN_DOM_FRAGMENT: true,
  ALLOWED_TAGS: "p br strong em del code pre a ul ol li blockquote hr table thead tbody tr th td".split(" "),
  ALLOWED_ATTR: ["href", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
};

/** A fragment, or null if the text is better shown as it is. */
export function render(text) {
  if (text.length > LONGEST || DEEPEST.test(text)) return null;
  let fragment;
  try {
    fragment = purify.sanitize(marked.parse(text), RULES);
  } catch {
    return null; // too deep for one of them
  }
  if (fragment.textContent.trim() === "" && !fragment.querySelector("hr")) return null; // "#" alone, say
  // Between blocks there are line breaks, which are nobody's text.
  for (const node of [...fragment.childNodes]) if (node.nodeType === Node.TEXT_NODE && node.data.trim() === "") node.remove();
  for (const link of fragment.querySelectorAll("a")) tell(link);
  for (const pre of fragment.querySelectorAll("pre")) pre.tabIndex = 0; // it may scroll: the keyboard has to reach it
  for (const table of fragment.querySelectorAll("table")) table.tabIndex = 0;
  return fragment;
}

/** A link opens elsewhere, tells nobody where one came from, and says where it goes if its text does not. */
function tell(link) {
  const href = link.getAttribute("href");
  if (!href) return link.replaceWith(...link.childNodes);
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  link.dir = "auto";
  let host = "";
  try {
    const url = new URL(href);
    host = url.host || url.pathname;
  } catch {
    return link.replaceWith(...link.childNodes); // no address at all
  }
  if (link.textContent.includes(host)) return;
  const where = document.createElement("span");
  where.className = "host";
  where.textContent = ` (${host})`;
  link.after(where);
}
