import { Talk } from "./talk.js";

// Direct messages. What is for us comes into our inbox, the room "@" and our name, which we alone may read. What we send goes into
// the other's, where we cannot see it again; so a copy, {"to": …, "text": …}, goes into our own, for our other windows and for later.

const REPLAY = 200; // messages of the inbox that one sees on entering

/** One's inbox, sorted by whom one talks to. */
export class Inbox {
  known = { joined: false };
  #hub;
  #room;
  #talks = new Map(); // name of the other → DirectTalk
  #open; // makes a talk with whoever writes first

  /** open(name, message) is called when a message comes from, or went to, somebody who has no talk yet; it may make one with talk(). */
  constructor(hub, open) {
    this.#hub = hub;
    this.#open = open;
    this.#room = hub.join(`@${hub.client}`, { last: REPLAY });
    this.#room.on("joined", ({ resumed, behind }) => this.#know({ joined: true, refused: false, behind: resumed ? behind : 0, caughtUp: null }));
    this.#room.on("message", (message) => this.#onMessage(message));
    this.#room.on("gap", (gap) => this.#each((talk) => talk.add({ ...gap, type: "gap", time: Date.now() })));
    this.#room.on("caughtup", (how) => this.#know({ behind: 0, caughtUp: how }));
    this.#room.on("signal", ({ from, data }) => this.#talks.get(from)?.typists.heard(from, data));
    this.#room.on("error", (error) => this.#know({ refused: error.retryAfter === undefined }));
  }

  talk(other, read) {
    let talk = this.#talks.get(other);
    if (!talk) this.#talks.set(other, (talk = new DirectTalk(this.#hub, this, other, read)));
    return talk;
  }

  forget(other) {
    this.#talks.delete(other);
  }

  disconnected() {
    this.#know({ joined: false, caughtUp: null });
    this.#each((talk) => talk.typists.clear());
  }

  #each(what) {
    for (const talk of this.#talks.values()) what(talk);
  }

  #know(more) {
    this.known = { ...this.known, ...more };
    this.#each((talk) => talk.emit("known"));
  }

  #onMessage(message) {
    const own = message.from === this.#hub.client;
    const copy = own && message.kind === "json" && typeof message.data?.to === "string" && typeof message.data.text === "string";
    const other = copy ? message.data.to : message.from;
    const talk = this.#talks.get(other) ?? this.#open(other, message);
    talk?.add({ ...message, type: "message", ...(copy ? { kind: "text", data: message.data.text } : {}) });
  }
}

/** What one writes to somebody and gets from them. */
export class DirectTalk extends Talk {
  unread = 0;
  newest = null;
  people = null;
  #hub;
  #inbox;

  constructor(hub, inbox, other, read) {
    super(`@${other}`, hub.client, read);
    this.other = other;
    this.#hub = hub;
    this.#inbox = inbox;
    this.read ??= { epoch: "", offset: 0 };
    this.oldest = "direct";
    this.on("unread", () => {
      if (this.newest && !this.isUnread(this.newest)) this.unread = 0;
    });
  }

  /** It is joined when the inbox is: there is nothing else to join. */
  get known() {
    return this.#inbox.known;
  }

  add(item) {
    if (item.type === "message") {
      this.newest = { epoch: item.epoch, offset: item.offset };
      if (item.from !== this.me && this.isUnread(item)) this.unread++;
    }
    super.add(item);
  }

  /** The copy is of use to us alone, so the message counts as sent without it. */
  async publish(text, key) {
    const position = await this.#hub.publish(this.name, text, { key });
    if (this.other !== this.me) await this.#hub.publish(`@${this.me}`, { to: this.other, text }, { key }).catch(() => {});
    return this.other === this.me ? position : null;
  }

  signal(data) {
    if (this.other !== this.me) this.#hub.signal(this.name, data);
  }

  sizeOf(text) {
    // The copy is the longer one.
    return this.#hub.sizeOf(`@${this.me}`, { to: this.other, text });
  }

  leave() {
    this.typists.clear();
    this.#inbox.forget(this.other);
  }

  disconnected() {}
}
