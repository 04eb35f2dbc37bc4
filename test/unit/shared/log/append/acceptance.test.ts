import { expect, test } from "vitest";
import { createAcceptance, refusesFor } from "../../../../../src/shared/log/append/acceptance.ts";
import type { Outcome, WriteFailure } from "../../../../../src/shared/log/append/write.ts";
import { createFakeClock } from "../../../../support/fake-clock.ts";

const stored: Outcome = { kind: "stored", streamSeq: 1, duplicate: false, number: undefined };
const failed = (code: WriteFailure): Outcome => ({ kind: "failed", code, detail: code });

function accepting() {
  const clock = createFakeClock();
  const broker = { connection: 0 };
  return { clock, broker, acceptance: createAcceptance({ clock, connection: () => broker.connection }) };
}

test.each<[WriteFailure, number | undefined]>([
  ["log_full", 30_000],
  ["log_unreachable", Infinity],
  // of one message, or of one session
  ["log_refused", undefined],
  ["event_id_taken", undefined],
  ["internal", undefined],
])("a write that failed with %s says it of others for %s ms", (code, ms) => {
  expect(refusesFor(code)).toBe(ms);
  const { acceptance } = accepting();
  acceptance.noted(failed(code));
  expect(acceptance.refusal()?.code).toBe(ms === undefined ? undefined : code);
});

test("the next write that is stored ends it", () => {
  const { acceptance } = accepting();
  expect(acceptance.refusal()).toBeUndefined();
  acceptance.noted(failed("log_unreachable"));
  acceptance.noted(failed("log_full"));
  expect(acceptance.refusal()?.code).toBe("log_full");
  acceptance.noted(stored);
  expect(acceptance.refusal()).toBeUndefined();
});

test("a log that does not answer refuses until it is connected anew", () => {
  const { acceptance, clock, broker } = accepting();
  acceptance.noted(failed("log_unreachable"));
  clock.jump(3_600_000);
  expect(acceptance.refusal()?.code).toBe("log_unreachable");
  broker.connection++;
  expect(acceptance.refusal()).toBeUndefined();
});

test("a full log is tried again after 30 s without a refusal", () => {
  const { acceptance, clock } = accepting();
  acceptance.noted(failed("log_full"));
  clock.jump(20_000);
  acceptance.noted(failed("log_full"));
  clock.jump(29_999);
  expect(acceptance.refusal()).toBeDefined();
  clock.jump(1);
  expect(acceptance.refusal()).toBeUndefined();
});
