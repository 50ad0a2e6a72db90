import { DIALECT, HubbubError, backoff, comesBack, firstAttempt, refusesToken } from "./rules.js";

const HELLO_TIMEOUT = 10_000; // from the first step of a try to the hub's welcome
const PONG_TIMEOUT = 8_000; // after our ping, until the connection counts as dead
const QUIET = 5_000; // nothing heard for so long is worth a question when somebody has a reason to doubt
const STABLE = 5_000; // a connection that held so long starts the backoff anew

/**
 * The connection to the hub, made anew as often as it is lost. It knows nothing of rooms and messages. Its owner has
 *   onWelcome(frame)  the hub's first frame on a connection; onState follows
 *   onFrame(frame)    every later one
 *   onState(state)    see hubbub.d.ts; what was sent on an earlier connection may have been lost if it is not "live"
 *   onTick(now)       once a second while it is live
 *   onError(error)
 *
 * Times are Date.now(), which goes on while a machine sleeps: what was sent before the night counts as long ago.
 */
export class Connection {
  state = { name: "connecting", since: Date.now(), retryAt: null };
  #owner;
  #url;
  #token; // a string, a function, or neither
  #Socket;
  #link = null; // the try or connection of now: {socket, token, why}; what belongs to an earlier one finds itself unequal
  #refused = null; // {token, code, reason}: a token that the hub did not take
  #attempt = 0;
  #liveAt = 0;
  #heard = 0; // when the last frame came
  #pinged = 0; // when our unanswered ping went out; 0 if there is none
  #ping = 25_000; // so long a silence is normal
  #timer; // for the next try, or for the hub's welcome
  #watch; // looks after a live connection once a second

  constructor(owner, url, { token, WebSocket }) {
    this.#owner = owner;
    this.#url = url;
    this.#token = token;
    this.#Socket = WebSocket;
    this.#listen("addEventListener");
    this.#connect();
  }

  get live() {
    return this.state.name === "live";
  }

  send(text) {
    if (this.live) this.#link.socket.send(text);
  }

  retry() {
    if (this.#link || this.state.name === "closed") return;
    if (this.state.name === "refused") {
      this.#refused = null;
      this.#listen("addEventListener");
      this.state = { name: "connecting", since: Date.now() };
    }
    this.#connect();
  }

  close() {
    if (this.state.name === "closed") return;
    this.#letGo()?.close(1000);
    this.#end("closed", 1000, "closed by this side");
  }

  /** Somebody has waited for long: look whether the connection is alive. */
  doubt() {
    if (this.live && Date.now() - this.#heard > QUIET) this.#probe();
  }

  // ---- a try --------------------------------------------------------------------------------------------------

  async #connect() {
    const link = (this.#link = { socket: null });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#giveUp("no answer"), HELLO_TIMEOUT);
    if (this.state.retryAt !== null) this.#setState({ ...this.state, retryAt: null });
    await null; // whoever hears of this try may still end it, and a constructor is done before anything happens
    try {
      if (link !== this.#link) return;
      const token = typeof this.#token === "function" ? await this.#token() : this.#token;
      if (link === this.#link) this.#open(link, token);
    } catch (error) {
      if (link === this.#link) this.#onTokenFailure(error);
    }
  }

  #open(link, token) {
    if (token && token === this.#refused?.token) {
      this.#letGo();
      return this.#end("refused", this.#refused.code, this.#refused.reason);
    }
    link.token = token;
    try {
      link.socket = new this.#Socket(this.#url, token ? [DIALECT, `bearer.${token}`] : [DIALECT]);
    } catch (error) {
      // Not allowed from this page, or a token with letters that no header takes: the same try would fail again.
      this.#letGo();
      return this.#end("refused", undefined, error.message);
    }
    // A socket that we gave up may still speak: it is not listened to.
    link.socket.onmessage = ({ data }) => link === this.#link && this.#onText(data);
    link.socket.onclose = ({ code, reason }) => link === this.#link && this.#onGone(code, reason || link.why);
    link.socket.onerror = ({ message }) => (link.why = message); // its close follows; browsers say no more than that
  }

  #onTokenFailure(error) {
    const reason = `no token: ${error?.message ?? error}`;
    this.#onGone(undefined, reason);
    this.#owner.onError(new HubbubError("token", reason));
  }

  #onText(text) {
    this.#heard = Date.now();
    this.#pinged = 0;
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return this.#giveUp("what answers there is no hub");
    }
    if (frame.type === "welcome") this.#onWelcome(frame);
    else this.#owner.onFrame(frame);
  }

  #onWelcome(frame) {
    clearTimeout(this.#timer);
    this.#liveAt = Date.now();
    if (frame.ping > 0) this.#ping = frame.ping * 1000;
    this.#watch = setInterval(() => this.#onTick(), 1000);
    this.#owner.onWelcome(frame);
    this.#setState({ name: "live", since: this.#liveAt, retryAt: null });
  }

  // ---- its end ------------------------------------------------------------------------------------------------

  /** Lets go of the socket and of everything that hangs on it; returns it. */
  #letGo() {
    const socket = this.#link?.socket;
    this.#link = null;
    this.#pinged = 0;
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    return socket;
  }

  /** The connection is dead or never came to life. Its own close event may take minutes, so nobody waits for it. */
  #giveUp(why) {
    const { socket } = this.#link;
    this.#onGone(1006, why);
    if (socket?.terminate) socket.terminate();
    else socket?.close();
  }

  #onGone(code, reason) {
    const { token } = this.#link;
    this.#letGo();
    if (refusesToken(code) && typeof this.#token === "function") this.#refused = { token, code, reason };
    else if (!comesBack(code)) return this.#end("refused", code, reason);
    if (this.live && Date.now() - this.#liveAt > STABLE) this.#attempt = 0;
    this.#attempt = Math.max(this.#attempt, firstAttempt(code));
    const wait = backoff(this.#attempt++);
    const { name, since } = this.live ? { name: "offline", since: Date.now() } : this.state;
    this.#timer = setTimeout(() => this.retry(), wait);
    this.#setState({ name, since, retryAt: Date.now() + wait, code, reason });
  }

  #end(name, code, reason) {
    this.#listen("removeEventListener");
    this.#setState({ name, since: Date.now(), retryAt: null, code, reason });
  }

  #setState(state) {
    this.state = state;
    this.#owner.onState(state);
  }

  // ---- is it alive? -------------------------------------------------------------------------------------------

  /** A connection can be dead without saying so: whoever is in doubt pings, and whoever gets nothing lets go. */
  #onTick() {
    const now = Date.now();
    if (this.#pinged && now - this.#pinged > PONG_TIMEOUT) return this.#giveUp("no answer to a ping");
    if (now - this.#heard > this.#ping) this.#probe();
    this.#owner.onTick(now);
  }

  #probe() {
    if (this.#pinged) return;
    this.#pinged = Date.now();
    this.send('{"type":"ping"}');
  }

  #listen(addOrRemove) {
    globalThis[addOrRemove]?.("online", this.#onNetwork);
    globalThis[addOrRemove]?.("offline", this.#onNetwork);
    globalThis.document?.[addOrRemove]("visibilitychange", this.#onVisibility);
  }

  /** The network went or came back, perhaps as another one: what was connected need not be any more. */
  #onNetwork = ({ type }) => {
    if (this.live) this.#probe();
    else if (type === "online") this.retry();
  };

  #onVisibility = () => {
    if (globalThis.document.visibilityState === "hidden") return;
    if (this.live) this.doubt();
    else this.retry();
  };
}
