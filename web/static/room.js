import { Emitter } from "./emitter.js";
import { HubbubError, decodeMessage, decodePayload, isPassing } from "./rules.js";
import { Stream } from "./stream.js";

/**
 * A room we are in. It keeps the position of the last message it handed on, and asks for everything behind that
 * when the connection is back, so that its listeners get each message once, in order, and every hole as a gap.
 * Its events and what one may call are described in hubbub.d.ts.
 */
export class Room extends Emitter {
  #hub; // what the client does for its rooms: {send, ref, ask, publish, signal, sizeOf, leave, seen}
  #options; // last, presence
  #joinRef = null; // of the join on this connection
  #joinAgain; // timer, if the hub asked for a pause
  #refusal = null; // why we are not in, if there is no hope at the moment
  #ended = false; // there will never be
  #waiting = []; // calls of ready
  #streams = new Set();
  #fresh = true; // no message was handed on yet: the first may have any offset
  #floor = 0; // holes up to here are older than our joining and not ours to report
  #skipped = 0; // messages missing since the last one that was handed on
  #unheard = new Map(); // keys of our own publishes that listeners do not want → position, null while unanswered
  #target = null; // the log's end when we resumed, until it is reached
  #count = 0; // messages since we resumed
  #missed = 0;
  #anew = false;

  constructor(name, { last, after = null, presence }, hub) {
    super();
    this.name = name;
    this.position = after;
    this.joined = false;
    this.#options = { last, presence };
    this.#fresh = after === null;
    this.#hub = hub;
  }

  ready() {
    if (this.joined) return Promise.resolve();
    if (this.#refusal) return Promise.reject(this.#refusal);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  publish(data, options) {
    return this.#hub.publish(this.name, data, options);
  }

  signal(data) {
    return this.#hub.signal(this.name, data);
  }

  sizeOf(data) {
    return this.#hub.sizeOf(this.name, data);
  }

  async members() {
    const { count, members } = await this.#hub.ask({ type: "members", room: this.name });
    return { count, members };
  }

  async history({ before, after, limit } = {}) {
    // An offset means something in its own epoch only.
    const epoch = before === undefined && after === undefined ? undefined : this.position?.epoch;
    const page = await this.#hub.ask({ type: "history", room: this.name, epoch, before, after, limit });
    const { first, last } = page;
    return { epoch: page.epoch, first, last, messages: page.messages.map((m) => decodeMessage(m, page.epoch)) };
  }

  leave() {
    this.#hub.leave(this);
  }

  [Symbol.asyncIterator]() {
    const stream = new Stream((ended) => this.#streams.delete(ended));
    if (this.#ended) stream.end();
    else if (this.#refusal) stream.fail(this.#refusal);
    else this.#streams.add(stream);
    return stream;
  }

  /** Whoever has left, from within a listener too, hears nothing more. */
  emit(name, detail) {
    if (!this.#ended) super.emit(name, detail);
  }

  // ---- called by the client alone -----------------------------------------------------------------------------

  connected() {
    this.#joinRef = this.#hub.ref();
    const { last, presence } = this.#options;
    const from = this.position ? { after: this.position } : { last };
    this.#hub.send({ type: "join", ref: this.#joinRef, room: this.name, ...from, presence });
  }

  /** On the next connection the hub may judge otherwise. */
  disconnected() {
    clearTimeout(this.#joinAgain);
    this.joined = false;
    this.#joinRef = null;
    this.#refusal = null;
    this.#target = null;
  }

  isJoin(ref) {
    return ref !== undefined && ref === this.#joinRef;
  }

  /** Whether we are in, or may hope to be. */
  get hopeful() {
    return this.#refusal === null;
  }

  /** The hub said no to our join. */
  refused(error) {
    if (isPassing(error)) {
      const pause = (error.retryAfter ?? 1) * 1000;
      this.#joinAgain = setTimeout(() => this.connected(), pause * (1 + Math.random()));
    } else {
      this.fail(error);
    }
    this.emit("error", error);
  }

  /** Nobody need wait any longer. */
  fail(error) {
    this.#refusal = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    for (const stream of this.#streams) stream.fail(error);
  }

  /** Nothing will come any more. */
  end(error) {
    this.#ended = true;
    this.disconnected();
    for (const stream of this.#streams) stream.end();
    this.fail(error);
  }

  /** Our own message with this key is not for listeners. The hub could hold it back as well, but then its offset would be a
   *  hole until the answer came, and whether that is ours or missing nobody could tell. */
  hush(key, acked) {
    this.#unheard.set(key, null);
    const answered = (position) => {
      if (this.#unheard.has(key)) this.#unheard.set(key, position);
      this.#forgetUnheard();
    };
    acked.then(answered, () => this.#unheard.delete(key));
  }

  receive(frame) {
    if (frame.type === "joined") {
      if (this.isJoin(frame.ref)) this.#onJoined(frame);
    } else if (this.joined) {
      // What comes before our joined belongs to an earlier stay in the same room.
      if (frame.type === "message") this.#onMessage(frame);
      else if (frame.type === "gap") this.#onGap(frame);
      else if (frame.type === "presence") this.#onPresence(frame);
      else if (frame.type === "signal") this.emit("signal", { from: frame.from, ...decodePayload(frame) });
    }
  }

  // ---- what the hub says --------------------------------------------------------------------------------------

  #onJoined({ position: end, count }) {
    this.joined = true;
    const resumed = this.position !== null;
    let behind = 0;
    if (!resumed) {
      const last = this.#options.last ?? 0;
      // If the connection is lost before the first message of these, we come back for all of them.
      this.position = { epoch: end.epoch, offset: Math.max(0, end.offset - last) };
      this.#floor = end.offset;
      this.#fresh = last > 0;
    } else {
      const { epoch, offset } = this.position;
      // Else the hub's next word is that another log begins.
      if (epoch === end.epoch && offset <= end.offset) behind = end.offset - offset;
      else behind = null;
      this.#fresh = false;
      this.#target = end;
      this.#count = 0;
      this.#missed = 0;
      this.#anew = false;
    }
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    this.emit("joined", { position: end, count, resumed, behind });
    if (behind !== null) this.#lookForEnd();
    // In an empty log the hub speaks of no other one. But what was said in ours since is gone with it.
    else if (this.position.offset === 0 && end.offset === 0) this.#onGap({ reason: "epoch", epoch: end.epoch });
  }

  #onMessage(frame) {
    const { epoch, offset: seen } = this.position;
    const { offset, from, key } = frame;
    if (offset <= seen) return;
    if (offset > seen + 1 && !this.#fresh) this.#onHole("lost", seen + 1, offset - 1);
    this.#fresh = false;
    this.#floor = 0;
    this.position = { epoch, offset };
    this.#count++;
    const own = key !== undefined && this.#hub.seen(this.name, from, key, this.position);
    if (!(own && this.#unheard.delete(key))) this.#handOn(decodeMessage(frame, epoch));
    this.#lookForEnd();
  }

  #handOn(message) {
    message.missed = this.#skipped;
    this.#skipped = 0;
    for (const stream of this.#streams) stream.push(message);
    this.emit("message", message);
  }

  #onGap({ reason, from, to, epoch }) {
    if (reason === "epoch") {
      this.position = { epoch, offset: 0 };
      this.#fresh = false;
      this.#floor = 0;
      this.#anew = true;
      this.#skipped = Infinity;
      for (const [key, at] of this.#unheard) if (at && at.epoch !== epoch) this.#unheard.delete(key);
      if (this.#target && this.#target.epoch !== epoch) this.#target = { epoch, offset: 0 };
      this.emit("gap", { reason, epoch, count: null });
    } else if (to > this.position.offset) {
      const begin = Math.max(from, this.position.offset + 1);
      this.position = { epoch: this.position.epoch, offset: to };
      this.#onHole("trimmed", begin, to);
    }
    this.#forgetUnheard();
    this.#lookForEnd();
  }

  #onHole(reason, from, to) {
    from = Math.max(from, this.#floor + 1);
    if (from > to) return;
    const count = to - from + 1;
    this.#missed += count;
    this.#skipped += count;
    this.emit("gap", { reason, epoch: this.position.epoch, from, to, count });
  }

  /** What a hole has taken will not come. */
  #forgetUnheard() {
    for (const [key, at] of this.#unheard) {
      if (at && this.position?.epoch === at.epoch && this.position.offset >= at.offset) this.#unheard.delete(key);
    }
  }

  #onPresence({ joined, left, count }) {
    this.emit("presence", joined ? { joined, left, count } : { count });
  }

  #lookForEnd() {
    const end = this.#target;
    if (!end || end.epoch !== this.position.epoch || this.position.offset < end.offset) return;
    this.#target = null;
    this.emit("caughtup", { count: this.#count, missed: this.#missed, anew: this.#anew });
  }
}
