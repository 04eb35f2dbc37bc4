import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createInterim } from "../../../../../src/relay/coordinator/connections/interim.ts";

/** What arrives of `text`, cut into chunks at `cuts`, when one answer is expected. */
function through(text: string, cuts: readonly number[] = []): string {
  const interim = createInterim();
  interim.expect();
  const bytes = Buffer.from(text, "latin1");
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  let got = "";
  for (let i = 0; i + 1 < edges.length; i++)
    got += interim.take(bytes.subarray(edges[i], edges[i + 1])).toString("latin1");
  return got + interim.end().toString("latin1");
}

const FINAL = "HTTP/1.1 201 Created\r\nContent-Length: 33\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n and more";
const INTERIM = [
  "HTTP/1.1 100 Continue\r\n\r\n",
  "HTTP/1.1 102 Processing\r\nX: y\r\n\r\n",
  "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n",
  "HTTP/1.0 199 \r\n\r\n",
  "\r\nHTTP/1.1 100 Continue\r\n\r\n".slice(2),
];

test("informational answers go, the real one stays byte for byte, wherever it is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...INTERIM), { maxLength: 4 }),
      fc.array(fc.nat()),
      (before, cuts) => {
        expect(through(before.join("") + FINAL, cuts)).toBe(FINAL);
      },
    ),
  );
});

test("anything else passes as it came, wherever it is cut", () => {
  const other = fc
    .oneof(
      fc.string(),
      fc.constantFrom("HTTP/1.1 101 Switching\r\n\r\nx", "HTTP/2 100", "SSH-2.0", "HTT", ""),
    )
    .filter((text) => !/^HTTP\/1\.[01] 1(?!01)\d\d/.test(text));
  fc.assert(
    fc.property(other, fc.array(fc.nat()), (text, cuts) => {
      const latin1 = Buffer.from(text, "utf8").toString("latin1");
      expect(through(latin1, cuts)).toBe(latin1);
    }),
  );
});

describe("the next request", () => {
  test("has informational answers of its own", () => {
    const interim = createInterim();
    for (let i = 0; i < 3; i++) {
      interim.expect();
      expect(interim.take(Buffer.from(INTERIM[0] + FINAL)).toString()).toBe(FINAL);
    }
  });

  test("BOUND-1: an endless informational head is not kept", () => {
    const interim = createInterim();
    interim.expect();
    expect(interim.take(Buffer.from("HTTP/1.1 100 Continue\r\nX: ")).length).toBe(0);
    for (let i = 0; i < 100; i++) expect(interim.take(Buffer.alloc(64 * 1024, "x")).length).toBe(0);
    expect(interim.end().length).toBe(0);
  });
});
