import { say } from "./dom.js";
import { aloud, draftElement, elements } from "./entry.js";
import { LEAF } from "./leaf.js";
import { number } from "./words.js";

const NEAR = 64; // pixels from the end that still count as being there
const AHEAD = 1500; // pixels beyond what one sees in which leaves are drawn
const GUESS = 56; // pixels that a message is high, before it was drawn

// What stands above a talk's first message, without and with one.
const EDGES = {
  more: ["Loading older messages…", "Loading older messages…"],
  first: ["", "This is where it begins."],
  kept: ["What was said here is not kept any more.", "Older messages are not kept."],
  direct: ["", ""],
};

/**
 * <hub-log> shows a talk. Only leaves near what one sees are drawn; the others are empty and as high as they were, or are
 * guessed to be. Whatever happens above, what one reads stays where it is; whoever is at the end stays at the end.
 *
 * Events: look, when what one sees has become, or is no longer, the end of the talk.
 */
class Log extends HTMLElement {
  #talk = null;
  #offs = [];
  #box;
  #leaves; // holds a section for each leaf of the talk
  #pending; // holds drafts
  #older;
  #empty;
  #jump;
  #aloud;
  #sections = new Map(); // leaf → section: {leaf, drawn: items that are drawn, or null}
  #drafts = new Map(); // draft → element
  #watch;
  #timer = null;
  #atEnd = true;
  #top = 0; // where the box was scrolled to when we last looked
  #toMarkSoon = false; // what was missed comes now: one wants to begin where one left
  #unseen = 0; // messages that came while one was further up
  #added = 0; // to the talk, when we last looked
  #offline = false;
  #render = () => null; // until markdown is here, text is shown as it is

  connectedCallback() {
    this.#box = this.querySelector(".log");
    this.#leaves = this.querySelector(".leaves");
    this.#pending = this.querySelector(".pending");
    this.#older = this.querySelector(".older");
    this.#empty = this.querySelector(".empty");
    this.#jump = this.querySelector(".jump");
    this.#aloud = this.querySelector(".aloud");
    this.#watch = new IntersectionObserver((seen) => this.#onSeen(seen), { root: this.#box, rootMargin: `${AHEAD}px 0px` });
    this.#box.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.#jump.addEventListener("click", () => {
      this.toEnd();
      this.#box.focus();
    });
    new ResizeObserver(() => this.#atEnd && this.toEnd()).observe(this.#box);
  }

  get atEnd() {
    return this.#atEnd;
  }

  set offline(offline) {
    this.#offline = offline;
    if (this.#talk) this.#showDrafts();
  }

  /** How texts are drawn from now on; what is drawn already is drawn anew, in its place. */
  set render(render) {
    this.#render = render;
    if (!this.#talk) return;
    this.#hold(() => {
      for (const [leaf, { drawn }] of this.#sections) {
        if (!drawn) continue;
        this.#erase(leaf);
        this.#draw(leaf);
      }
      this.#drafts.clear();
      this.#pending.replaceChildren();
      this.#showDrafts();
    });
  }

  /** Shows that talk in place of the one before; null shows nothing. */
  show(talk) {
    for (const off of this.#offs) off();
    clearTimeout(this.#timer);
    this.#timer = null;
    for (const { element } of this.#sections.values()) this.#watch.unobserve(element);
    this.#sections.clear();
    this.#drafts.clear();
    this.#leaves.replaceChildren();
    this.#pending.replaceChildren();
    this.#aloud.textContent = "";
    this.#talk = talk;
    this.#offs = [];
    this.#atEnd = true;
    this.#setUnseen(0);
    if (!talk) return;
    this.#added = talk.leaves.added;
    this.#offs = [
      talk.on("change", () => this.#later()),
      talk.on("anew", () => this.#flush()),
      talk.on("mark", () => {
        this.#toMarkSoon = this.#atEnd && talk.mark !== null && talk.returning;
        this.#redrawMarked();
      }),
    ];
    this.#flush();
    this.#toMark();
    this.#onScroll();
  }

  toEnd() {
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#onScroll();
  }

  // ---- drawing ----------------------------------------------------------------------------------------------------

  /** What arrives is gathered for a moment. Not an animation frame: those do not come while the tab is hidden. */
  #later() {
    this.#timer ??= setTimeout(() => this.#flush(), 16);
  }

  #flush() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const talk = this.#talk;
    this.#hold(() => {
      this.#match();
      const last = talk.leaves.list.at(-1);
      // The newest leaf is drawn at once if one would see it, and so is the one before: together they are more than a screen.
      if (this.#atEnd) for (const leaf of talk.leaves.list.slice(-2)) this.#draw(leaf);
      else if (this.#sections.get(last)?.drawn) this.#draw(last);
      this.#showDrafts();
      this.#showEdges();
    });
    const added = talk.leaves.added - this.#added;
    this.#added += added;
    if (added > 0) this.#onAdded(added);
    if (!this.#toMarkSoon) return;
    this.#toMark();
    this.#toMarkSoon = talk.returning; // with little there as yet, that was the end: once more when more is there
  }

  /** A section for each leaf, in their order. Leaves come and go at the ends only. */
  #match() {
    const { list } = this.#talk.leaves;
    const there = new Set(list);
    for (const [leaf, { element }] of this.#sections) {
      if (there.has(leaf)) continue;
      this.#watch.unobserve(element);
      element.remove();
      this.#sections.delete(leaf);
    }
    let next = null;
    for (let i = list.length - 1; i >= 0; i--) {
      let section = this.#sections.get(list[i]);
      if (!section) {
        const element = document.createElement("section");
        element.className = "leaf";
        element.style.height = `${list[i].items.length * GUESS}px`;
        section = { element, drawn: null, before: null };
        this.#sections.set(list[i], section);
        element.leaf = list[i];
        this.#leaves.insertBefore(element, next);
        this.#watch.observe(element);
      } else if (!section.drawn && i === list.length - 1) {
        section.element.style.height = `${list[i].items.length * GUESS}px`;
      } else if (section.drawn && section.before !== list[i].before) {
        this.#erase(list[i]);
        this.#draw(list[i]); // there is something in front of it now
      }
      next = section.element;
    }
  }

  #draw(leaf) {
    const section = this.#sections.get(leaf);
    const { element } = section;
    let drawn = section.drawn ?? [];
    if (drawn.some((item, i) => item !== leaf.items[i])) drawn = []; // something was put in between
    if (section.drawn && drawn.length === leaf.items.length) return;
    const batch = document.createDocumentFragment();
    let before = drawn.at(-1) ?? leaf.before;
    for (const item of leaf.items.slice(drawn.length)) {
      batch.append(...elements(item, before, { mark: item === this.#talk.mark, render: this.#render }));
      before = item;
    }
    if (drawn.length === 0) element.replaceChildren(batch);
    else element.append(batch);
    element.style.height = "";
    section.drawn = leaf.items.slice();
    section.before = leaf.before;
    section.mark = leaf.items.includes(this.#talk.mark) ? this.#talk.mark : null;
  }

  #erase(leaf) {
    const section = this.#sections.get(leaf);
    section.element.style.height = `${section.element.offsetHeight}px`;
    section.element.replaceChildren();
    section.drawn = null;
  }

  #redrawMarked() {
    this.#hold(() => {
      for (const [leaf, section] of this.#sections) {
        const mark = leaf.items.includes(this.#talk.mark) ? this.#talk.mark : null;
        if (!section.drawn || section.mark === mark) continue;
        this.#erase(leaf);
        this.#draw(leaf);
      }
    });
  }

  /** Leaves have come near, or have gone far away. */
  #onSeen(seen) {
    this.#hold(() => {
      for (const { target, isIntersecting } of seen) {
        const section = this.#sections.get(target.leaf);
        if (!section) continue;
        if (isIntersecting) this.#draw(target.leaf);
        else if (section.drawn && !target.contains(document.activeElement)) this.#erase(target.leaf);
      }
    });
  }

  #showDrafts() {
    const { drafts, me } = this.#talk;
    const there = new Set(drafts.values());
    for (const [draft, element] of this.#drafts) {
      if (there.has(draft)) continue;
      if (element.contains(document.activeElement)) this.#box.focus({ preventScroll: true });
      element.remove();
      this.#drafts.delete(draft);
    }
    let before = this.#talk.leaves.last;
    let written = false;
    for (const draft of there) {
      let element = this.#drafts.get(draft);
      if (!element) {
        const actions = { retry: () => this.#talk.retry(draft), discard: () => this.#talk.discard(draft) };
        this.#drafts.set(draft, (element = draftElement(draft, me, this.#render, actions)));
        this.#pending.append(element);
        written = true;
      }
      element.update(this.#offline, before);
      before = { type: "message", from: me, time: draft.time };
    }
    if (written) this.#atEnd = true; // who writes wants to see it
  }

  #showEdges() {
    const { leaves, drafts, oldest, known } = this.#talk;
    const some = leaves.first !== null || drafts.size > 0;
    this.#empty.hidden = some || !known.joined || oldest === "more" || oldest === "kept";
    say(this.#older, EDGES[oldest]?.[some ? 1 : 0] ?? "");
  }

  set emptyText(parts) {
    this.#empty.replaceChildren(...parts);
  }

  // ---- where one is -----------------------------------------------------------------------------------------------

  /** Changes something, and puts what one reads back to where it was. */
  #hold(change) {
    if (this.#box.scrollTop !== this.#top) this.#onScroll(); // one has just scrolled, and the event is still to come
    if (this.#atEnd) {
      change();
      this.#box.scrollTop = this.#box.scrollHeight;
      return this.#onScroll();
    }
    const anchor = this.#anchor();
    const before = anchor?.getBoundingClientRect().top;
    const section = anchor?.closest(".leaf");
    const inSection = section ? [...section.children].indexOf(anchor) : -1;
    change();
    // The anchor may have been drawn anew: then it is the one in its place.
    const now = anchor?.isConnected ? anchor : (section?.children[inSection] ?? section);
    if (now?.isConnected && !this.#atEnd) this.#box.scrollTop += now.getBoundingClientRect().top - before;
    else if (this.#atEnd) this.#box.scrollTop = this.#box.scrollHeight;
    this.#onScroll();
  }

  /** The first thing that one sees. */
  #anchor() {
    const top = this.#box.getBoundingClientRect().top;
    const section = first([...this.#leaves.children], top);
    return section && (first([...section.children], top) ?? section);
  }

  #onScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#box;
    this.#top = scrollTop;
    const atEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    if (atEnd !== this.#atEnd) {
      this.#atEnd = atEnd;
      this.dispatchEvent(new Event("look"));
      this.#setUnseen(0);
    }
    if (scrollTop < AHEAD) this.#talk?.older();
  }

  /** To the first unread message, if there is one; a little of what one knows stays above it. */
  #toMark() {
    const { mark, leaves } = this.#talk;
    this.#toMarkSoon = false;
    const leaf = mark && leaves.list.find(({ items }) => items.includes(mark));
    if (!leaf) return this.toEnd();
    this.#draw(leaf);
    const line = this.#sections.get(leaf).element.querySelector(".note.new");
    this.#box.scrollTop += line.getBoundingClientRect().top - this.#box.getBoundingClientRect().top - this.#box.clientHeight / 4;
  }

  #onAdded(added) {
    const { list } = this.#talk.leaves;
    const newest = list.slice(-1 - Math.ceil(added / LEAF)).flatMap(({ items }) => items);
    const items = newest.slice(-added);
    if (this.#talk.known.joined && !this.#talk.known.behind) this.#aloud.textContent = aloud(items);
    if (!this.#atEnd) this.#setUnseen(this.#unseen + items.filter(({ own }) => !own).length);
  }

  #setUnseen(unseen) {
    this.#unseen = unseen;
    this.#jump.hidden = unseen === 0 && this.#atEnd;
    this.#jump.textContent = unseen === 0 ? "↓ To the newest" : `↓ ${number(unseen)} new`;
  }
}

/** The first of elements below each other that reaches below top. */
function first(elements, top) {
  let [low, high] = [0, elements.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (elements[middle].getBoundingClientRect().bottom > top) high = middle;
    else low = middle + 1;
  }
  return elements[low] ?? null;
}

customElements.define("hub-log", Log);
