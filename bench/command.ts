import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { brokerVariables } from "../src/cli/up/environment.ts";
import type { TestBroker } from "../test/support/broker.ts";
import { mainOf } from "./built.ts";
import { COMPILED } from "./product.ts";
import { peakBytes } from "./usage.ts";

const LOOK_MS = 20;

/** What a command of an operator took. */
export type Took = { bytes: number; ms: number; code: number };

/** Runs a command of `runner-relay` against a broker, as its operator. Its largest memory is looked at until it ends; it never becomes smaller. */
export async function runAsOperator(broker: TestBroker, args: readonly string[]): Promise<Took> {
  const began = performance.now();
  const child = spawn(process.execPath, [mainOf("cli"), ...args], {
    env: { PATH: process.env["PATH"], ...COMPILED, ...brokerVariables(broker.access("operator")) },
    stdio: "ignore",
  });
  const ended = once(child, "exit") as Promise<[number | null]>;
  let over = false;
  void ended.then(() => (over = true));
  let bytes = NaN;
  while (!over) {
    bytes = (await peakBytes(child.pid ?? 0)) ?? bytes;
    await Promise.race([ended, delay(LOOK_MS)]);
  }
  const [code] = await ended;
  return { bytes, ms: performance.now() - began, code: code ?? -1 };
}
