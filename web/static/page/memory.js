// What the browser keeps for us. Storage can be switched off; then nothing is remembered, and that is all.

export function recall(storage, key) {
  try {
    return globalThis[storage].getItem(key) ?? "";
  } catch {
    return "";
  }
}

/** null forgets. */
export function remember(storage, key, value) {
  try {
    if (value === null) globalThis[storage].removeItem(key);
    else globalThis[storage].setItem(key, value);
  } catch {}
}

/** What remember() was given as JSON; otherwise if there is none, or something else. */
export function recallJSON(key, otherwise) {
  try {
    const value = JSON.parse(recall("localStorage", key));
    return Array.isArray(value) === Array.isArray(otherwise) && value !== null && typeof value === "object" ? value : otherwise;
  } catch {
    return otherwise;
  }
}
