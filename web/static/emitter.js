// on() and emit(), and nothing else. A listener that throws is reported as an uncaught error and does not
// keep the other listeners, or the connection that called them, from going on.
export class Emitter {
  #listeners = new Map();

  /** Calls listener for every event of that name; returns a function that ends it. */
  on(name, listener) {
    let set = this.#listeners.get(name);
    if (!set) this.#listeners.set(name, (set = new Set()));
    set.add(listener);
    return () => set.delete(listener);
  }

  emit(name, detail) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(detail);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
