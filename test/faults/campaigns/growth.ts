import type { Report } from "../report.ts";
import { gateways } from "./gateways.ts";
import { shards } from "./shards.ts";

/** Campaigns with many gateways and many relays, which run only when they are asked for. */
export function growth({ seed, rounds }: { seed: number; rounds: number }): {
  name: string;
  what: string;
  limitMs: number;
  byName: true;
  run: (report: Report) => Promise<void>;
}[] {
  const many = { shards: 64, relays: 12, rounds: Math.min(rounds, 20), sessions: 256, perSecond: 1 };
  return [
    {
      name: "gateways",
      what: "1,000 gateways hear one relay while 10,000 sessions wait",
      limitMs: 600_000,
      byName: true,
      run: (report) => gateways({ gateways: 1000, sessions: 10_000, windowMs: 10_000 }, report),
    },
    {
      name: "shards",
      what: "64 shards and 12 relays, one of which is killed at a time",
      limitMs: 900_000,
      byName: true,
      run: (report) => shards({ ...many, seed, awayMs: 4000, calmMs: 3000 }, report),
    },
  ];
}
