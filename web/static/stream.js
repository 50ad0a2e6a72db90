import { HubbubError } from "./rules.js";

const MOST = 10_000; // messages that wait to be taken

/** What for await asks: the messages of a room from the moment it was made. Its owner pushes, and ends or fails it. */
export class Stream {
  #items = [];
  #taken = 0; // of #items, so that taking one does not move all others
  #takers = []; // calls of next() that found nothing
  #over = false;
  #error = null; // thrown once, behind everything that came before it
  #onEnd;

  constructor(onEnd) {
    this.#onEnd = onEnd;
  }

  push(value) {
    if (this.#over) return;
    const taker = this.#takers.shift();
    if (taker) taker.resolve({ value, done: false });
    else if (this.#items.length - this.#taken < MOST) this.#items.push(value);
    else this.fail(new HubbubError("slow", `${MOST} messages wait to be taken: take them sooner, or join again behind the last`));
  }

  end() {
    this.#over = true;
    for (const taker of this.#takers.splice(0)) taker.resolve({ value: undefined, done: true });
    this.#onEnd(this);
  }

  fail(error) {
    const taker = this.#takers.shift();
    if (taker) taker.reject(error);
    else this.#error = error;
    this.end();
  }

  next() {
    if (this.#taken < this.#items.length) {
      const value = this.#items[this.#taken++];
      if (this.#taken * 2 >= this.#items.length) this.#items.splice(0, this.#taken), (this.#taken = 0);
      return Promise.resolve({ value, done: false });
    }
    if (this.#error) {
      const error = this.#error;
      this.#error = null;
      return Promise.reject(error);
    }
    if (this.#over) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
  }

  /** The loop was left. */
  return(value) {
    this.#items = [];
    this.#taken = 0;
    this.#error = null;
    this.end();
    return Promise.resolve({ value, done: true });
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}
