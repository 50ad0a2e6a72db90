import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff, clientProblem, comesBack, decodePayload, encodePayload, firstAttempt, roomProblem } from "../../../web/static/rules.js";

test("coming back: full jitter from 0.2 s up to 20 s", () => {
  for (const [attempt, most] of [[0, 200], [1, 400], [4, 3200], [6, 12_800], [7, 20_000], [8, 20_000], [1000, 20_000]]) {
    assert.equal(backoff(attempt, () => 1), most);
    assert.equal(backoff(attempt, () => 0.25), most / 4);
    assert.equal(backoff(attempt, () => 0), 0);
  }
});

test("coming back: not after 4500–4999, and later when the hub asks for a pause", () => {
  for (const code of [undefined, 1000, 1001, 1006, 1009, 1012, 1013, 3000, 4000, 4003, 4499]) assert(comesBack(code), code);
  for (const code of [4500, 4501, 4502, 4503, 4999]) assert(!comesBack(code), code);
  assert.equal(firstAttempt(1006), 0);
  assert(firstAttempt(1012) > 0);
  for (const code of [1013, 4000, 4499]) assert(firstAttempt(code) > firstAttempt(1012), code);
});

test("names", () => {
  for (const good of ["a", "Ä b", "😀".repeat(32), "...", "a@b", "a$", "\u202e"]) assert.equal(clientProblem(good), null, good);
  for (const bad of ["", "a/b", "@a", "$a", ".", "..", "a\n", "\u007f", "\u0085", "\ud800", "😀".repeat(33)]) {
    assert.notEqual(clientProblem(bad), null, JSON.stringify(bad));
  }
  for (const good of ["a", "a/b", "@a", "$status", "..", "r".repeat(255)]) assert.equal(roomProblem(good), null, good);
  for (const bad of ["", "a\u0000", "r".repeat(256), "\udc00"]) assert.notEqual(roomProblem(bad), null, JSON.stringify(bad));
});

test("payloads travel", () => {
  const bytes = Uint8Array.from({ length: 20_000 }, (_, i) => i % 256);
  for (const shape of [bytes, bytes.buffer, new DataView(bytes.buffer), Buffer.from(bytes), new Uint16Array(bytes.buffer)]) {
    assert.deepEqual(decodePayload(encodePayload(shape)), { kind: "binary", data: bytes });
  }
  assert.deepEqual(encodePayload(bytes.subarray(1, 3)), { base64: "AQI=" });
  assert.deepEqual(decodePayload({ base64: "" }), { kind: "binary", data: new Uint8Array() });
  assert.deepEqual(decodePayload({ data: null }), { kind: "json", data: null });
  assert.deepEqual(decodePayload({ data: "null" }), { kind: "text", data: "null" });
});
