import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isCoded } from "../../../../../src/shared/base/errors.ts";
import { pack } from "../../../../../src/shared/base/msgpack.ts";
import {
  decodeSessionEnvelope,
  encodeSessionEnvelope,
  type SessionEnvelope,
} from "../../../../../src/shared/session-log/event/session-envelope.ts";

const ENVELOPE = {
  v: 1,
  id: "e1",
  source: "worker" as const,
  kind: "text",
  session: "build.7",
  turn: "t 1",
  epoch: 3,
  n: 12,
  at: 1_767_225_600_000,
  type: "application/json",
  body: new TextEncoder().encode('{"text":"é"}'),
};

const refusal = (bytes: Uint8Array): string | undefined => {
  try {
    decodeSessionEnvelope(bytes);
    return undefined;
  } catch (error) {
    return isCoded(error) ? `${error.code}: ${error.message}` : String(error);
  }
};

test.each([0, 65_535, 65_536, 900_000])("comes back as it was, with a body of %i bytes", (size) => {
  const { v: _, type: __, ...it } = { ...ENVELOPE, body: new Uint8Array(Buffer.alloc(size, "ab")) };
  const back = decodeSessionEnvelope(encodeSessionEnvelope(it));
  expect(Buffer.compare(back.body, it.body)).toBe(0);
  expect({ ...back, body: 0 }).toEqual({ ...ENVELOPE, body: 0 });
});

describe("what any client may have written", () => {
  test.each<[keyof SessionEnvelope, object]>([
    ["id", { id: "a.b" }],
    ["id", { id: undefined }],
    ["source", { source: "admin" }],
    ["kind", { kind: "a.b" }],
    ["session", { session: "a/b" }],
    ["session", { session: null }],
    ["turn", { turn: "a\nb" }],
    ["turn", { turn: "x".repeat(129) }],
    ["epoch", { epoch: 0 }],
    ["epoch", { epoch: undefined }],
    ["epoch", { source: "user" }],
    ["n", { n: 1.5 }],
    ["n", { source: "push", epoch: undefined }],
    ["at", { at: Number.NaN }],
    ["at", { at: 1e16 }],
    ["type", { type: "text/plain" }],
    ["body", { body: "text" }],
    ["trace", { trace: "x".repeat(513) }],
  ])("has no odd %s: %j", (field, odd) => {
    expect(refusal(pack({ ...ENVELOPE, ...odd }))).toBe(
      `envelope_invalid: the envelope's field ${field} cannot be used`,
    );
  });

  test("is of this version, or of a newer one, which is recognized", () => {
    expect(refusal(pack({ ...ENVELOPE, v: 2 }))).toMatch(/^schema_newer: /);
    expect(decodeSessionEnvelope(pack({ ...ENVELOPE, later: [1] }))).toMatchObject({ id: "e1" });
  });

  test("never throws anything but the two codes", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.jsonValue().map((it) => pack(it)),
        ),
        (bytes) => {
          expect(refusal(bytes)).toMatch(/^(?:envelope_invalid|schema_newer): /);
        },
      ),
    );
  });
});
