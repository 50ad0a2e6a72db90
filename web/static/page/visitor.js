import { recall } from "./memory.js";
import { clientProblem } from "../hubbub.js";

/** Who looks at a board: the name one chose for talking, or one that says that somebody looks. */
export function visitor() {
  const name = recall("localStorage", "hubbub.name");
  if (name && clientProblem(name) === null) return name;
  return `viewer-${Math.random().toString(36).slice(2, 6)}`;
}
