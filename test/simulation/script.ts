import { seededRandom, type Random } from "../faults/random.ts";

// What is put to two brokers (differential.ts).

/** One thing that a client asks for. */
export type Ask =
  | {
      do: "publish";
      stream: "log" | "bucket";
      subject: number;
      id?: number;
      expect?: number | "last";
      wide?: boolean;
      large?: boolean;
    }
  | { do: "batch"; ids: (number | undefined)[]; leaveOut?: number }
  | { do: "get"; query: object }
  | { do: "last"; subject: number }
  | { do: "leader"; query: object }
  | { do: "info" }
  | { do: "pull"; batch: number; pin: "none" | "ours" | "wrong" }
  | { do: "ack"; which: number }
  | { do: "reset"; from?: number }
  | { do: "unpin" };

export function subjectOf(stream: "log" | "bucket", n: number): string {
  return stream === "log" ? `d.ev.${n}.a` : `$KV.DIFF.k${n}`;
}

function below(random: Random, most: number): number {
  return Math.floor(random.next() * most);
}

const MAKERS: readonly ((r: Random) => Ask)[] = [
  (r) => ({
    do: "publish",
    stream: "log",
    subject: below(r, 3),
    ...(r.next() < 0.6 ? { id: below(r, 8) } : {}),
  }),
  (r) => ({
    do: "publish",
    stream: "log",
    subject: below(r, 3),
    id: below(r, 8),
    expect: r.next() < 0.5 ? "last" : below(r, 4),
    wide: r.next() < 0.3,
  }),
  (r) => ({
    do: "publish",
    stream: "bucket",
    subject: below(r, 3),
    ...(r.next() < 0.5 ? { expect: r.next() < 0.6 ? "last" : below(r, 5) } : {}),
  }),
  (r) => ({ do: "publish", stream: "log", subject: below(r, 3), id: 100 + below(r, 50), large: true }),
  (r) => ({
    do: "batch",
    ids: Array.from({ length: 1 + below(r, 4) }, () => (r.next() < 0.3 ? undefined : 20 + below(r, 30))),
  }),
  (r) => ({ do: "batch", ids: [60 + below(r, 20), 80 + below(r, 20), undefined], leaveOut: 1 }),
  (r) => ({ do: "get", query: { seq: below(r, 12) + 1 } }),
  (r) => ({ do: "get", query: { seq: below(r, 12) + 1, next_by_subj: `d.*.${below(r, 3)}.>` } }),
  (r) => ({
    do: "get",
    query: { seq: below(r, 12) + 1, next_by_subj: ">", batch: 1 + below(r, 5), max_bytes: 100_000 },
  }),
  (r) => ({ do: "last", subject: below(r, 4) }),
  (r) => ({
    do: "leader",
    query: r.next() < 0.5 ? { seq: below(r, 12) + 1 } : { last_by_subj: `d.ev.${below(r, 3)}.>` },
  }),
  () => ({ do: "info" }),
  (r) => ({
    do: "pull",
    batch: 1 + below(r, 4),
    pin: r.next() < 0.2 ? "wrong" : r.next() < 0.6 ? "ours" : "none",
  }),
  (r) => ({ do: "ack", which: below(r, 6) }),
  (r) => ({ do: "reset", ...(r.next() < 0.4 ? { from: below(r, 6) } : {}) }),
  () => ({ do: "unpin" }),
];

/** The script of a seed. Pure. */
export function scriptOf(seed: number, length: number): Ask[] {
  const random = seededRandom(seed);
  return Array.from({ length }, () => (MAKERS[below(random, MAKERS.length)] as (r: Random) => Ask)(random));
}
