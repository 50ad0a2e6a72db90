// Where things are: the hub's sockets, and the room that the page's own address names.

/** The hub's address for sockets, without a client's name. The page may be served below any path. */
export const socketsAt = (() => {
  const url = new URL("ws", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = url.search = "";
  return url.href;
})();

export function roomInAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return location.hash.slice(1); // somebody typed a % into it
  }
}

export const addressOf = (room) => `#${encodeURIComponent(room).replace(/%40/g, "@").replace(/%2F/g, "/").replace(/%24/g, "$")}`;

/** A name without marks that turn text around, for where nothing can keep them inside: titles, labels. */
export const tame = (name) => name.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "");
