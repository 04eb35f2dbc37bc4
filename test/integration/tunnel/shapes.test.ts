import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { USER_AGENT } from "../../../src/shared/base/version.ts";
import { sendRaw, type RawAnswer } from "./raw.ts";
import { startReflector, type Reflector, type Seen } from "./reflector.ts";
import { SHAPES, type Shape } from "./shapes.ts";
import { startStack, type Stack } from "./stack.ts";

let upstream: Reflector;
let stack: Stack;

beforeAll(async () => {
  upstream = await startReflector();
  stack = await startStack(upstream.url);
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

/** Of one hop by their nature, or of the framing, which each hop chooses; what must be kept of it is looked at apart. */
const OF_THE_HOP = new Set(["host", "connection", "transfer-encoding", "content-length", "upgrade"]);
const OF_THE_HOP_BACK = new Set(["connection", "keep-alive", "transfer-encoding", "date"]);

describe("a request arrives as if it had been sent directly, and so does its answer", () => {
  it.each(SHAPES)("$name", async (shape) => {
    const direct = await exchange(upstream.url, shape);
    const through = await exchange(stack.url, shape);

    const dropped = new Set(shape.dropped);
    const expected = requestHeaders(direct.seen).filter(([name]) => !dropped.has(name.toLowerCase()));
    if (valueOf(direct.seen, "user-agent") === undefined) expected.push(["User-Agent", USER_AGENT]);
    expect(requestHeaders(through.seen)).toEqual(expected);
    const { method, length, sha } = direct.seen;
    expect(through.seen).toMatchObject({ method, length, sha, target: shape.arrives ?? shape.target });
    expect(valueOf(through.seen, "host")).toBe(new URL(upstream.url).host);
    const sent = valueOf(direct.seen, "content-length");
    if (sent !== undefined && sent !== "0") expect(valueOf(through.seen, "content-length")).toBe(sent);
    if (length > 0) {
      const framing = (seen: Seen): string | undefined => valueOf(seen, "transfer-encoding");
      expect(framing(through.seen)).toBe(framing(direct.seen));
    }

    const { status, reason, body, trailers } = direct.answer;
    expect(through.answer).toMatchObject({ status, reason, trailers, whole: true });
    if (shape.arrives === undefined) {
      const kept = answerHeaders(direct.answer).filter(([name]) => name !== "x-foo");
      expect(answerHeaders(through.answer)).toEqual(kept);
      expect(through.answer.body.equals(body)).toBe(true);
    }
    const date = (answer: RawAnswer): boolean =>
      answer.headers.some(([name]) => name.toLowerCase() === "date");
    expect(date(through.answer)).toBe(date(direct.answer));
  });
});

async function exchange(url: string, shape: Shape): Promise<{ seen: Seen; answer: RawAnswer }> {
  const { host } = new URL(url);
  const lines = [`${shape.method} ${shape.target} HTTP/1.1`, `Host: ${host}`, ...(shape.headers ?? [])];
  const answer = await sendRaw(url, [`${lines.join("\r\n")}\r\n\r\n`, shape.body ?? Buffer.alloc(0)], {
    method: shape.method,
  });
  const seen = upstream.seen.pop();
  if (seen === undefined) throw new Error(`did not arrive: ${answer.status} ${answer.body.toString()}`);
  return { seen, answer };
}

function requestHeaders(seen: Seen): [string, string][] {
  return pairs(seen.headers).filter(([name]) => !OF_THE_HOP.has(name.toLowerCase()));
}

function answerHeaders(answer: RawAnswer): [string, string][] {
  return answer.headers.filter(
    ([name]) => !OF_THE_HOP_BACK.has(name.toLowerCase()) && name.toLowerCase() !== "proxy-authenticate",
  );
}

function valueOf(seen: Seen, name: string): string | undefined {
  return pairs(seen.headers).find(([key]) => key.toLowerCase() === name)?.[1];
}

function pairs(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i] ?? "", flat[2 * i + 1] ?? ""]);
}
