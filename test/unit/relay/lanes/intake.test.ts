import { describe, expect, test } from "vitest";
import { createIntake, type IntakeDeps } from "../../../../src/relay/lanes/intake.ts";
import type { Shard } from "../../../../src/relay/source/shard.ts";
import { encodeEnvelope } from "../../../../src/shared/log/schema/envelope.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";
import { envelopeOf } from "./world.ts";

/** What becomes of a message at 7. */
function arrive(subject: string, data: Uint8Array): { passed: number[]; fatal: string[] } {
  const passed: number[] = [];
  const fatal: string[] = [];
  const deliver = createIntake({
    clock: createFakeClock(),
    log: silentLogger(),
    fatal: (error) => fatal.push(error.message),
  } as Partial<IntakeDeps> as IntakeDeps);
  const shard = { pass: (seq: number) => void passed.push(seq) } as Partial<Shard> as Shard;
  deliver(shard, { subject, data, seq: 7, deliverySeq: 1, pending: 0, storedAt: 0, pin: "p" });
  return { passed, fatal };
}

describe("a message whose subject is no event's", () => {
  const subject = "rr.ev.0.r.s.later";

  test("is passed", () => {
    expect(arrive(subject, Buffer.from("anything"))).toEqual({ passed: [7], fatal: [] });
    expect(arrive("rr.ev.nobody", new Uint8Array())).toEqual({ passed: [7], fatal: [] });
  });

  test("SETTLE-1: but a newer version's is not: this program is too old for its kind", () => {
    const newer = encodeEnvelope({ ...envelopeOf({ seq: 7, session: "s" }), v: 99 });
    const { passed, fatal } = arrive(subject, newer);
    expect(passed).toEqual([]);
    expect(fatal).toEqual([expect.stringContaining("newer")]);
  });
});
