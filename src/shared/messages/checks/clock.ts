import type { NatsConnection } from "@nats-io/nats-core";
import { EVENTS_STREAM } from "../../log/schema/topology.ts";
import { ok, warn, type Line } from "./line.ts";
import { LOOK_MS, reading, type Reading } from "./reading.ts";

/** A larger difference is reported, because ages in `status`, retention and the expiry of tokens depend on the wall clock. */
const MOST_MS = 5000;

/** Milliseconds by which this machine's wall clock is ahead of the broker's. */
export async function readClock(nc: NatsConnection, wall: () => number): Promise<Reading<number>> {
  return reading(async () => {
    const before = wall();
    const reply = await nc.request(`$JS.API.STREAM.INFO.${EVENTS_STREAM}`, "", { timeout: LOOK_MS });
    const middle = (before + wall()) / 2;
    const at = Date.parse(reply.json<{ ts?: string }>().ts ?? "");
    if (Number.isNaN(at)) throw new Error("the broker does not report its time");
    return middle - at;
  });
}

/** Pure. */
export function judgeClock(ahead: Reading<number>): Line {
  const check = "clock";
  if (ahead.kind === "failed") return warn(check, ahead.why, "check broker and permissions");
  const seconds = (Math.abs(ahead.value) / 1000).toFixed(1);
  const text = `this machine's clock is ${seconds} s ${ahead.value < 0 ? "behind" : "ahead of"} the broker's`;
  return Math.abs(ahead.value) > MOST_MS
    ? warn(
        check,
        text,
        "synchronize both clocks with NTP; ages, retention and tokens depend on the wall clock",
      )
    : ok(check, text);
}
