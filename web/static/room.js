import { Emitter } from "./emitter.js";
import { decodePayload } from "./rules.js";

/**
 * A room we are in. It keeps the position of the last message it handed on, and asks for everything after that
 * when the connection is back, so that its listeners get each message once, in order, and every hole as a gap.
 *
 * Events:
 *   joined    {position, count, resumed, behind}   on every connection; behind: how many messages will follow,
 *                                                  null where another epoch makes that unknown
 *   message   {offset, epoch, from, time, key, kind, data}
 *   gap       {reason, epoch, from, to, count}     "trimmed": the hub no longer has them; "lost": they did not come
 *             {reason: "epoch", epoch}             another log begins here
 *   caughtup  {count, missed, anew}                after a resume: everything up to the log's end is here
 *   presence  {joined, left, count}                joined and left are missing in large rooms
 *   signal    {from, data}
 *   error     HubbubError                          the join was refused
 */
export class Room extends Emitter {
  #io; // send, ask and publish: what the connection does for its rooms
  #options;
  #joinRef = null; // of the join on this connection
  #fresh = true; // no message was handed on yet: the first may have any offset
  #floor = 0; // holes up to here are older than our joining and not ours to report
  #target = null; // the log's end when we resumed, until it is reached
  #count = 0; // messages since we resumed
  #missed = 0;
  #anew = false;

  constructor(name, options, io) {
    super();
    this.name = name;
    this.position = null;
    this.joined = false;
    this.#options = options;
    this.#io = io;
  }

  /** Publishes; resolves with the position once the hub has stored it. Calling it again with the key of a publish
   *  whose fate is uncertain is safe for five minutes. */
  publish(data, { key } = {}) {
    return this.#io.publish(this.name, data, key);
  }

  /** How many bytes a publish of data is as it is sent; the hub's limits.message counts the same. */
  sizeOf(data) {
    return this.#io.sizeOf(this.name, data);
  }

  signal(data) {
    return this.#io.send({ type: "signal", room: this.name, data });
  }

  /** {count, members: [{client, connections}]}; at most 1,000 are listed. */
  members() {
    return this.#io.ask({ type: "members", room: this.name });
  }

  history({ before, after, limit } = {}) {
    return this.#io.ask({ type: "history", room: this.name, before, after, limit });
  }

  leave() {
    this.#io.leave(this);
  }

  // ---- called by the connection alone -------------------------------------------------------------------------

  connected(ref) {
    this.#joinRef = ref;
    const { last, presence } = this.#options;
    const from = this.position ? { after: this.position } : { last };
    this.#io.send({ type: "join", ref, room: this.name, ...from, presence });
  }

  disconnected() {
    this.joined = false;
    this.#joinRef = null;
    this.#target = null;
  }

  isJoin(ref) {
    return ref === this.#joinRef;
  }

  receive(frame) {
    if (frame.type === "joined") {
      if (this.isJoin(frame.ref)) this.#onJoined(frame);
    } else if (this.joined) {
      // What comes before our joined belongs to an earlier stay in the same room.
      if (frame.type === "message") this.#onMessage(frame);
      else if (frame.type === "gap") this.#onGap(frame);
      else if (frame.type === "presence") this.emit("presence", frame);
      else if (frame.type === "signal") this.emit("signal", { from: frame.from, ...decodePayload(frame) });
    }
  }

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
      // Nothing seen and nothing there: the hub speaks of no gap, whatever the epoch.
      if (this.position.offset === 0 && end.offset === 0) this.position = end;
      behind = this.position.epoch === end.epoch ? Math.max(0, end.offset - this.position.offset) : null;
      this.#target = end;
      this.#count = 0;
      this.#missed = 0;
      this.#anew = false;
    }
    this.emit("joined", { position: end, count, resumed, behind });
    this.#lookForEnd();
  }

  #onMessage(frame) {
    const { epoch, offset: seen } = this.position;
    const { offset, from, time, key } = frame;
    if (offset <= seen) return;
    if (offset > seen + 1 && !this.#fresh) this.#report("lost", seen + 1, offset - 1);
    this.#fresh = false;
    this.#floor = 0;
    this.position = { epoch, offset };
    this.#count++;
    this.#io.seen(this.name, frame, this.position);
    this.emit("message", { offset, epoch, from, time, key, ...decodePayload(frame) });
    this.#lookForEnd();
  }

  #onGap({ reason, from, to, epoch }) {
    if (reason === "epoch") {
      this.position = { epoch, offset: 0 };
      this.#fresh = false;
      this.#floor = 0;
      this.#anew = true;
      if (this.#target && this.#target.epoch !== epoch) this.#target = { epoch, offset: 0 };
      this.emit("gap", { reason, epoch });
    } else if (to > this.position.offset) {
      this.#report("trimmed", Math.max(from, this.position.offset + 1), to);
      this.position = { epoch: this.position.epoch, offset: to };
    }
    this.#lookForEnd();
  }

  #report(reason, from, to) {
    from = Math.max(from, this.#floor + 1);
    if (from > to) return;
    this.#missed += to - from + 1;
    this.emit("gap", { reason, epoch: this.position.epoch, from, to, count: to - from + 1 });
  }

  #lookForEnd() {
    const end = this.#target;
    if (!end || end.epoch !== this.position.epoch || this.position.offset < end.offset) return;
    this.#target = null;
    this.emit("caughtup", { count: this.#count, missed: this.#missed, anew: this.#anew });
  }
}
