// A conversation is kept in leaves of so many messages. The log draws those that are near what one sees.

export const LEAF = 50;
const KEPT = 400; // leaves; the oldest give way, and can be loaded again by scrolling up

/** Messages and gaps that follow each other. Items: {type: "message", …message, own} or {type: "gap", …gap}. */
class Leaf {
  items = [];
  before = null; // the item in front of this leaf: days and groups depend on it
}

export class Leaves {
  list = [];
  added = 0; // at the end, ever

  get last() {
    return this.list.at(-1)?.items.at(-1) ?? null;
  }

  get first() {
    return this.list[0]?.items[0] ?? null;
  }

  /** The position up to which there is nothing more to come. */
  get end() {
    const { last } = this;
    if (!last) return null;
    return { epoch: last.epoch, offset: last.type === "message" ? last.offset : (last.to ?? 0) };
  }

  get firstMessage() {
    for (const item of this) if (item.type === "message") return item;
    return null;
  }

  /** Returns how many items the oldest leaf took with it, if one had to give way. */
  append(item) {
    let leaf = this.list.at(-1);
    if (!leaf || leaf.items.length >= LEAF) {
      const next = new Leaf();
      next.before = leaf?.items.at(-1) ?? null;
      this.list.push((leaf = next));
    }
    leaf.items.push(item);
    this.added++;
    if (this.list.length <= KEPT) return 0;
    const gone = this.list.shift();
    this.list[0].before = null;
    return gone.items.length;
  }

  /** Puts an item in front of the newest one. */
  insertBeforeLast(item) {
    this.list.at(-1).items.splice(-1, 0, item);
    this.added++;
  }

  prepend(items) {
    const leaves = [];
    let before = null;
    for (let i = 0; i < items.length; i += LEAF) {
      const leaf = new Leaf();
      leaf.items = items.slice(i, i + LEAF);
      leaf.before = before;
      before = leaf.items.at(-1);
      leaves.push(leaf);
    }
    if (this.list.length > 0) this.list[0].before = before;
    this.list.unshift(...leaves);
  }

  *[Symbol.iterator]() {
    for (const leaf of this.list) yield* leaf.items;
  }
}
