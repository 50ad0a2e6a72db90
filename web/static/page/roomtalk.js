import { Roster } from "../hubbub.js";
import { Talk } from "./talk.js";
import { errorInWords } from "./words.js";

const REPLAY = 50; // messages one sees on entering
const CAUGHT_UP_SHOWN = 30_000; // for how long the state says what was caught up with

/** A room that one is in. */
export class RoomTalk extends Talk {
  people = { count: 0, members: [] };
  known = { joined: false };
  newest = null; // the position of the log's end, as far as it is known
  #room;
  #roster;
  #end = null; // of the log, when we last joined
  #timer;

  constructor(hub, name, read) {
    super(name, hub.client, read);
    this.#room = hub.join(name, { last: REPLAY, presence: true });
    this.#roster = new Roster(this.#room);
    this.#roster.on("change", (people) => {
      this.people = people;
      this.emit("people");
    });
    this.#room.on("joined", (joined) => this.#onJoined(joined));
    this.#room.on("message", (message) => this.#onMessage(message));
    this.#room.on("gap", (gap) => this.#onGap(gap));
    this.#room.on("caughtup", (how) => this.#onCaughtUp(how));
    this.#room.on("signal", ({ from, data }) => this.typists.heard(from, data));
    this.#room.on("error", (error) => this.#onError(error));
  }

  /** How many messages there are behind what was read. */
  get unread() {
    if (!this.newest || !this.read) return 0;
    const read = this.read.epoch === this.newest.epoch ? this.read.offset : 0;
    return Math.max(0, this.newest.offset - read);
  }

  publish(text, key) {
    return this.#room.publish(text, { key });
  }

  signal(data) {
    this.#room.signal(data);
  }

  sizeOf(text) {
    return this.#room.sizeOf(text);
  }

  leave() {
    clearTimeout(this.#timer);
    this.typists.clear();
    this.#roster.stop();
    this.#room.leave();
  }

  disconnected() {
    this.#know({ joined: false, caughtUp: null });
    this.typists.clear();
  }

  async fetchOlder(limit) {
    const { offset: before, epoch } = this.leaves.firstMessage ?? { ...this.newest, offset: this.newest.offset + 1 };
    const page = await this.#room.history({ before, limit });
    // Another epoch: what stands here first is of a log that is gone, and with it what was before.
    const messages = page.epoch === epoch ? page.messages : [];
    const first = messages[0]?.offset ?? before;
    if (first <= 1) this.oldest = "first";
    else if (page.epoch !== epoch || first <= page.first || messages.length === 0) this.oldest = "kept";
    return messages.map((message) => ({ ...message, epoch, type: "message" }));
  }

  #onJoined({ position, behind, resumed }) {
    this.returning = position.offset > 0 && this.isUnread(position);
    this.#end = position;
    this.newest = position;
    this.read ??= position; // what was here before one's first visit is not unread
    if (!resumed) this.oldest = position.offset > 0 ? "more" : "first";
    this.#know({ joined: true, refused: false, behind: resumed ? behind : 0, caughtUp: null });
    this.emit("unread");
    this.emit("change");
  }

  #onMessage(message) {
    const { epoch, offset } = message;
    if (this.newest?.epoch !== epoch || offset > this.newest.offset) this.newest = { epoch, offset };
    if (offset === 1 && !this.leaves.first) this.oldest = "first";
    this.add({ ...message, type: "message" });
    if (this.returning && epoch === this.#end.epoch && offset >= this.#end.offset) this.returning = false;
  }

  #onGap(gap) {
    if (gap.reason === "epoch" && this.newest?.epoch !== gap.epoch) this.newest = { epoch: gap.epoch, offset: 0 };
    this.add({ ...gap, type: "gap", time: Date.now() });
  }

  #onCaughtUp(how) {
    this.#know({ behind: 0, caughtUp: how });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#know({ caughtUp: null }), CAUGHT_UP_SHOWN);
  }

  #onError(error) {
    if (error.retryAfter === undefined) this.#know({ refused: true });
    this.emit("problem", errorInWords(error));
  }

  #know(more) {
    this.known = { ...this.known, ...more };
    this.emit("known");
  }
}
