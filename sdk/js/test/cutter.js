import { once } from "node:events";
import net from "node:net";

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The way to the hub, over which each connection carries so many bytes and no more. How many, in which direction they are
 * counted and how the end looks is random: anywhere in the handshake or in a frame, what was sent may or may not have
 * arrived, and what the hub answered to it may be lost while it acted on it.
 */
export class Cutter {
  cuts = 0;
  calm = true; // while it is, connections hold
  #closed = false;
  #random;
  #server;
  #open = new Set(); // functions that end a connection

  /** port says where the next connection goes. */
  constructor(port, random) {
    this.#random = random;
    this.#server = net.createServer((near) => {
      if (this.#closed) near.destroy();
      else this.#join(near, net.connect(port(), "127.0.0.1"));
    });
  }

  async listen() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.url = `ws://127.0.0.1:${this.#server.address().port}/ws`;
    return this;
  }

  /** Nobody gets through until it is opened again. */
  set closed(closed) {
    this.#closed = closed;
    if (closed) for (const end of [...this.#open]) end();
  }

  get closed() {
    return this.#closed;
  }

  end() {
    this.#server.close();
    this.closed = true;
  }

  #join(near, far) {
    const end = () => {
      if (!this.#open.delete(end)) return;
      near.destroy();
      far.destroy();
    };
    this.#open.add(end);
    const life = this.#life();
    this.#carry(near, far, life.up, end);
    this.#carry(far, near, life.down, end);
  }

  /** How many bytes go up and down until the end. The handshake is some 300 up and 200 down. */
  #life() {
    const length = Math.floor(20 * 400 ** this.#random()); // 20 to 8,000: short ones are more common
    return this.#random() < 0.5 ? { up: length, down: Infinity } : { up: Infinity, down: length };
  }

  #carry(from, to, most, end) {
    const deaf = this.#random() < 0.5; // this direction falls silent first, and the other one goes on for a moment
    let left = most;
    from.setNoDelay(true);
    from.on("error", () => {});
    from.on("close", end);
    from.on("data", (bytes) => {
      if (this.calm || bytes.length <= left) {
        left -= this.calm ? 0 : bytes.length;
        return to.write(bytes);
      }
      if (left < 0) return;
      this.cuts++;
      to.write(bytes.subarray(0, left));
      left = -1;
      if (deaf) setTimeout(end, this.#random() * 20);
      else end();
    });
  }
}
