import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { collect } from "../../../../src/relay/tunnel/collect.ts";
import type { Upstream } from "../../../../src/relay/tunnel/upstream.ts";

const request = { method: "GET", target: "/", headers: [], headLimitMs: 1, body: undefined };

/** Answers with one head and one body. */
function answering(headers: string[], body: Uint8Array): Upstream {
  return {
    call(_, events) {
      events.head(200, "OK", headers);
      events.data(body);
      events.end([]);
      return { resume() {}, abort() {} };
    },
    close: () => Promise.resolve(),
  };
}

it("a packed answer is unpacked, and says nothing of its packing any more", async () => {
  const packed = gzipSync("{}");
  const headers = ["Content-Encoding", "gzip", "content-length", String(packed.length), "X", "y"];
  expect(await collect(answering(headers, packed), request).result).toMatchObject({
    headers: ["X", "y"],
    body: Buffer.from("{}"),
  });
});

it.each([
  ["what cannot be unpacked", ["content-encoding", "x-own"], Buffer.from([0xff])],
  ["what is not packed", ["x", "content-encoding"], Buffer.from("{}")],
])("%s stays as it came", async (_, headers, body) => {
  expect(await collect(answering(headers, body), request).result).toMatchObject({ headers, body });
});
