/** A place in a room's log: everything up to offset, in the log's life that epoch names. Offset 0 is before the first message. */
export interface Position {
  epoch: string;
  offset: number;
}

export interface HubbubOptions {
  /** Who connects: 1 to 128 bytes of UTF-8; see clientProblem. */
  client: string;
  /**
   * Shown to the hub at every connect; made of what a WebSocket's subprotocol may be made of, as a JWT is. A function is asked each
   * time, so that it can fetch a fresh one: when the hub closes with 4500 or 4501 it is asked again, and only if it gives the same
   * token once more the connection counts as refused.
   */
  token?: string | (() => string | undefined | Promise<string | undefined>);
  /** For where there is no global one, such as Node 20: `import WebSocket from "ws"`. */
  WebSocket?: WebSocketConstructor;
  /** How much may wait for the hub's answer, sent or not; beyond it publishing fails with "queue_full". 1,000 messages and 1 MiB unless said. */
  queue?: { messages?: number; bytes?: number };
}

/** What is used of a WebSocket; the browser's and the ws package's have it. */
export interface WebSocketLike {
  onmessage: any;
  onclose: any;
  onerror: any;
  send(text: string): void;
  close(code?: number): void;
}
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/**
 * How the connection is:
 * - `connecting`: there was none yet
 * - `live`
 * - `offline`: it was lost at `since`, and comes back by itself
 * - `refused`: the hub said not to come back unchanged (`code` is from 4500 to 4999), or a socket cannot even be made from here
 *   (no `code`); only retry() tries again
 * - `closed`: close() was called
 */
export interface State {
  name: "connecting" | "live" | "offline" | "refused" | "closed";
  /** Milliseconds since 1970. */
  since: number;
  /** When the next try is due, in milliseconds since 1970; null while one is under way, or if none will be made. */
  retryAt: number | null;
  /** Of the WebSocket's close, if one led here. */
  code?: number;
  /** For people. */
  reason?: string;
}

export interface HubEvents {
  /** Whenever something in it changes, `retryAt` too. */
  state: State;
  /** An error that belongs to no room and to no promise. */
  error: HubbubError;
}

/** A client of a hub: one connection that comes back by itself, and rooms that go on where they stopped. */
export class Hubbub {
  /**
   * Connects at once. The url is the address without the client's name, such as "wss://example.org/ws"; http and https will do,
   * and in a page also a path.
   * @throws TypeError if an option or the url is none, or if there is no WebSocket
   */
  constructor(url: string | URL, options: HubbubOptions);

  readonly client: string;
  readonly state: State;
  /** The hub's: bytes of a message as it is sent, and rooms of a connection. The usual ones until the hub has said its own. */
  readonly limits: { message: number; rooms: number };
  /** How many publishes have no answer yet. */
  readonly unacked: number;
  /** The room "@client": what others publish to this client. First use joins it; for options join it yourself before. */
  readonly inbox: Room;

  /** Calls listener at each event of that name; the function it returns ends that. What a listener throws is reported and disturbs nobody. */
  on<E extends keyof HubEvents>(event: E, listener: (detail: HubEvents[E]) => void): () => void;

  /**
   * The room, joined now and after every reconnect. A room that is joined already is returned as it is, whatever the options.
   * @throws TypeError if the name is none, see roomProblem
   */
  join(room: string, options?: JoinOptions): Room;

  /**
   * Publishes to a room, which need not be joined; "@bob" is the inbox of bob. Waits through lost connections and pauses that
   * the hub asks for, and never arrives twice. Resolves with the message's position once the hub has stored it.
   * Rejects with a HubbubError: a code of the hub's, too_large, queue_full, uncertain, refused or closed.
   */
  publish(room: string, data: unknown, options?: PublishOptions): Promise<Position>;

  /**
   * Sends to whoever is in the room at this moment, and to nobody later. False if there was no connection: then it is not sent.
   * @throws HubbubError too_large
   */
  signal(room: string, data: unknown): boolean;

  /** How many bytes a publish is as it is sent; what limits.message counts. */
  sizeOf(room: string, data: unknown): number;

  /** Milliseconds to the hub and back. Without a connection it waits for one. */
  ping(): Promise<number>;

  /** Tries at once to connect, in place of waiting; also after the hub has refused. */
  retry(): void;

  /**
   * Ends the connection for good; until then a Node program does not end by itself. What has no answer by now is rejected
   * with "closed", though it may have arrived.
   */
  close(): void;
}

export interface JoinOptions {
  /** Begin with so many of the newest messages. 0 unless said. */
  last?: number;
  /** Begin behind this position: the `position` of a room in an earlier life of the program. Goes before `last`. */
  after?: Position;
  /** Be told who comes and goes, see the event `presence`. */
  presence?: boolean;
}

export interface PublishOptions {
  /**
   * At most 64 bytes. Within five minutes the hub stores no second message of this client and room with this key, so that
   * a publish whose fate is uncertain can be called again. A random one unless said.
   */
  key?: string;
  /** False: this client's listeners here do not get the message. True unless said. */
  echo?: boolean;
}

/** What was sent: text as a string, bytes as a Uint8Array, anything else as the JSON it was. */
export type Payload =
  | { kind: "text"; data: string }
  | { kind: "json"; data: any }
  | { kind: "binary"; data: Uint8Array };

export type Message = Payload & {
  offset: number;
  epoch: string;
  from: string;
  /** Milliseconds since 1970, by the hub's clock. */
  time: number;
  key?: string;
};

/** A message as it is handed on, once and in order. */
export type Received = Message & {
  /** How many messages are missing between the one before and this one; Infinity if another log begins here. See the event `gap`. */
  missed: number;
};

/** A hole, in its place. */
export type Gap =
  /** The hub keeps the messages `from` to `to` no longer ("trimmed"), or they did not come though they should have ("lost"). */
  | { reason: "trimmed" | "lost"; epoch: string; from: number; to: number; count: number }
  /** Another log begins here, with its first message; how much of the one before is missing nobody knows. */
  | { reason: "epoch"; epoch: string; count: null };

export interface Joined {
  /** The end of the room's log. */
  position: Position;
  /** Clients in the room. */
  count: number;
  /** It goes on from a position. */
  resumed: boolean;
  /** How many messages there are to catch up with; null where another epoch makes that unknown. */
  behind: number | null;
}

export interface RoomEvents {
  /** On every connection anew. */
  joined: Joined;
  message: Received;
  gap: Gap;
  /** After a joined with `resumed`: everything up to its position is here. `count` came, `missed` did not, `anew`: another log began. */
  caughtup: { count: number; missed: number; anew: boolean };
  /** Names are missing in rooms of more than 200 clients, and when this connection was too slow for an earlier one: see Roster. */
  presence: { joined?: string[]; left?: string[]; count: number };
  signal: Payload & { from: string };
  /** The join was refused, for now if the error has `retryAfter` (then it is tried again), else until the next connection. */
  error: HubbubError;
}

/** A room that is joined: made by Hubbub.join. Iterating over it gives its messages from here on. */
export class Room implements AsyncIterable<Received> {
  private constructor();

  readonly name: string;
  /** Whether the hub counts us in at this moment. */
  readonly joined: boolean;
  /** Everything up to here was handed on; null before the first `joined` if there was no `after`. Keep it to go on with later. */
  readonly position: Position | null;

  on<E extends keyof RoomEvents>(event: E, listener: (detail: RoomEvents[E]) => void): () => void;

  /** Resolves once the room is joined. Rejects with the hub's error if it is refused, or with left, refused or closed. */
  ready(): Promise<void>;

  /** See Hubbub.publish. */
  publish(data: unknown, options?: PublishOptions): Promise<Position>;
  /** See Hubbub.signal. */
  signal(data: unknown): boolean;
  /** See Hubbub.sizeOf. */
  sizeOf(data: unknown): number;

  /**
   * A page of the log: the newest messages in front of `before`, or the oldest behind `after`, or the newest. `limit` is 50
   * unless said, 200 at most; a page may also end at 256 KiB. Without a connection it waits for one. Rejects with bad_request
   * if the offset belongs to a log that is gone, or with closed or refused.
   */
  history(page?: { before?: number; after?: number; limit?: number }): Promise<History>;

  /** Who is here now; 1,000 at most are listed. Without a connection it waits for one. */
  members(): Promise<Members>;

  /** Leaves: nothing more of the room comes, and iterations end. What was published is still delivered. */
  leave(): void;

  /** Ends when the room is left or the hub closed. Throws "refused", or "slow" if 10,000 messages wait to be taken. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Received>;
}

export interface History {
  epoch: string;
  /** The oldest and the newest offset that there are; 1 and 0 in an empty log. */
  first: number;
  last: number;
  /** Ascending. */
  messages: Message[];
}

export interface Members {
  count: number;
  members: Member[];
}

export interface Member {
  client: string;
  connections: number;
}

/** Who is in a room, kept up to date. The room has to be joined with `presence`. */
export class Roster {
  constructor(room: Room);
  /** Sorted by name; `count` may be more than are listed. */
  on(event: "change", listener: (members: Members) => void): () => void;
  stop(): void;
}

export class HubbubError extends Error {
  constructor(code: ErrorCode, message: string, more?: { retryAfter?: number });
  readonly code: ErrorCode;
  /** Seconds, if the hub asked for a pause. */
  readonly retryAfter?: number;
}

export type ErrorCode =
  // The hub's.
  | "bad_request"
  | "unknown_type"
  | "unauthorized"
  | "forbidden"
  | "not_joined"
  | "too_many_rooms"
  | "rate_limited"
  | "unavailable"
  | "internal"
  // The library's.
  | "too_large" // more bytes than the hub takes
  | "queue_full" // too much waits for its answer
  | "uncertain" // sent, but the answer did not come within the time for which the hub knows the key
  | "token" // the token function failed; it is asked again
  | "slow" // an iteration that did not keep up
  | "left" // the room was left
  | "refused" // the hub said not to come back
  | "closed" // close() was called
  | (string & {}); // a later hub's

/** What is wrong with a client's name, in words; null if nothing is. */
export function clientProblem(name: string): string | null;
/** What is wrong with a room's name, in words; null if nothing is. */
export function roomProblem(name: string): string | null;
/** A random key, for PublishOptions. */
export function newKey(): string;
