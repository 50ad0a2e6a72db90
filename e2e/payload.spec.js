import { expect, test } from "@playwright/test";
import { describe } from "../web/static/page/payload.js";

test("payloads are shown as what they are", () => {
  const bytes = Uint8Array.from({ length: 20_000 }, (_, i) => i % 256);
  expect(describe({ kind: "binary", data: bytes })).toMatchObject({ label: "Binary, 19.5 KiB", text: expect.stringMatching(/^00 01 .* 1f …$/) });
  expect(describe({ kind: "json", data: { a: [1, null] } }).text).toBe('{ "a": [ 1, null ] }');
  expect(describe({ kind: "json", data: { a: "x".repeat(80) } }).text).toBe(`{\n  "a": "${"x".repeat(80)}"\n}`);
});
