import type { Random } from "./random.ts";

/** A request that is built to be expensive for who reads it. */
export type Bomb = {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer;
  /** Sent in pieces of this size, without a length. */
  pieces: number | undefined;
};

/** Sizes that bodies are grown to, bytes, and how many of a thousand. Drawn log-uniformly: half of each kind is below the geometric mean. */
const SIZES: readonly { perMille: number; from: number; to: number }[] = [
  { perMille: 979, from: 200, to: 2000 },
  { perMille: 20, from: 8 * 1024, to: 64 * 1024 },
  { perMille: 1, from: 256 * 1024, to: 4 * 1024 * 1024 - 1 },
];

/** What fills a body: small values, nesting, long numbers, many names, escapes, long texts. Repeated, separated by commas. */
const UNITS: readonly string[] = [
  "{}",
  "[]",
  "1",
  '"a"',
  "null",
  '{"a":1}',
  '[[[["deep"]]]]',
  '{"a":{"b":{"c":[]}}}',
  "1234567890".repeat(40),
  `-0.${"3".repeat(300)}e-${"9".repeat(20)}`,
  '"\\u0061\\n\\ud83d\\ude00\\\\"',
  `"${"\\u0041".repeat(50)}"`,
  `"${"é😀".repeat(30)}"`,
  `"${"x".repeat(500)}"`,
];

/** Names of members that mean something to somebody on the way, and some that repeat. */
const MEMBERS: readonly string[] = [
  '"hostname"',
  '"host\\u006eame"',
  '"executor_profile"',
  '"session_id"',
  '"__proto__"',
  '"constructor"',
  '""',
];

const PATHS: readonly (readonly [method: string, path: string])[] = [
  ["POST", "/events"],
  ["POST", "/bind"],
  ["PATCH", "/metadata"],
  ["POST", "/sessions/SESSION/events"],
  ["POST", "/sessions/SESSION/bind"],
  ["PATCH", "/sessions/SESSION/metadata"],
  ["POST", "/runner/sessions/SESSION/status"],
  ["POST", "/anything"],
  ["PUT", "/sessions/SESSION"],
  ["GET", "/_relay/deliveries/none"],
];

/** The next bomb; a seed repeats them. `sessions` is how many sessions they are spread over. */
export function bombOf(random: Random, sessions: number): Bomb {
  const session = `bomb-${Math.floor(random.next() * sessions)}`;
  const [method, path] = pick(random, PATHS);
  const body = method === "GET" ? Buffer.alloc(0) : bodyOf(random, session);
  return {
    method,
    path: path.replace("SESSION", session) + queryOf(random),
    headers: headersOf(random),
    body,
    pieces: random.next() < 0.1 ? Math.max(1000, Math.ceil(body.length / 20)) : undefined,
  };
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random.next() * list.length)] as T;
}

function sizeOf(random: Random): number {
  let drawn = random.next() * 1000;
  const size = SIZES.find(({ perMille }) => (drawn -= perMille) < 0) ?? { from: 200, to: 200 };
  return Math.floor(size.from * (size.to / size.from) ** random.next());
}

function bodyOf(random: Random, session: string): Buffer {
  const size = sizeOf(random);
  const head = `{"session_id":"${session}","executor_session_id":"e"`;
  const kind = random.next();
  if (kind < 0.15) return Buffer.from(deep(head, size, random.next() < 0.5));
  if (kind < 0.4) return Buffer.from(manyMembers(random, head, size));
  const unit = pick(random, UNITS);
  const units = Array<string>(Math.max(1, Math.floor(size / (unit.length + 1)))).fill(unit);
  const text = `${head},"a":[${units.join(",")}]}`;
  if (kind < 0.7) return Buffer.from(text);
  // wrong at its end, so that all of it has to be read first
  const bytes = Buffer.from(text);
  if (kind < 0.8) return bytes.subarray(0, -1);
  if (kind < 0.9) bytes[bytes.length - 2] = 0x7d;
  return bytes;
}

/** Nested as deep as its size allows, closed or not. */
function deep(head: string, size: number, closed: boolean): string {
  const levels = Math.floor(size / 6);
  return `${head},"a":${'{"a":'.repeat(levels)}1${closed ? "}".repeat(levels) : ""}}`;
}

function manyMembers(random: Random, head: string, size: number): string {
  const members: string[] = [];
  const repeated = pick(random, MEMBERS);
  for (let length = 0; length < size; length += members.at(-1)?.length ?? 1) {
    members.push(random.next() < 0.5 ? `${repeated}:"bomb-0"` : `"k${members.length}":{}`);
  }
  return `${head},${members.join(",")}}`;
}

function queryOf(random: Random): string {
  const kind = random.next();
  if (kind < 0.8) return "";
  const unit = pick(random, ["a=1&", "%61%62=%00&", "/%2e%2e", "seq=1&seq=2&", "?&=&;"]);
  return `?${unit.repeat(Math.floor((random.next() * 6000) / unit.length))}`;
}

function headersOf(random: Random): Record<string, string> {
  const headers: Record<string, string> = { "content-type": "application/json", prefer: "respond-async" };
  const kind = random.next();
  if (kind < 0.3) headers["idempotency-key"] = `k-${random.next()}`;
  else if (kind < 0.35) headers["prefer"] = `${"wait=1,".repeat(800)}respond-async`;
  else if (kind < 0.4) headers["connection"] = Array(500).fill("x-y").join(",");
  else if (kind < 0.45) headers["content-type"] = `application/json${"; a=b".repeat(500)}`;
  else if (kind < 0.5) headers["traceparent"] = `00-${"a".repeat(5000)}`;
  else if (kind < 0.55) for (let i = 0; i < 800; i++) headers[`x-${i}`] = "y";
  return headers;
}
