// Who types: told by signals, {"typing": true}, which are kept nowhere. Who says nothing more has stopped.

const TELL_EVERY = 3_000;
const FORGET_AFTER = 7_000;
const MOST = 20; // names that are kept, however many claim to type

export class Typists {
  #until = new Map(); // name → timer
  #changed;

  constructor(changed) {
    this.#changed = changed;
  }

  get names() {
    return [...this.#until.keys()];
  }

  heard(name, data) {
    if (data?.typing !== true) return this.done(name);
    if (this.#until.size >= MOST && !this.#until.has(name)) return;
    const before = this.#until.get(name);
    clearTimeout(before);
    this.#until.set(name, setTimeout(() => this.done(name), FORGET_AFTER));
    if (before === undefined) this.#changed();
  }

  done(name) {
    if (!this.#until.has(name)) return;
    clearTimeout(this.#until.get(name));
    this.#until.delete(name);
    this.#changed();
  }

  clear() {
    for (const name of this.names) this.done(name);
  }
}

/** Tells the others that one types, not at every key. */
export class TypingTeller {
  #last = 0;

  typed(talk, empty) {
    const now = Date.now();
    if (empty) {
      if (this.#last) talk.signal({ typing: false });
      this.#last = 0;
    } else if (now - this.#last > TELL_EVERY) {
      this.#last = now;
      talk.signal({ typing: true });
    }
  }

  /** What was typed is sent: that says it itself. */
  reset() {
    this.#last = 0;
  }
}
