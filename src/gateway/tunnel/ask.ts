import type { Clock } from "../../shared/base/clock.ts";
import type { Opening } from "../../shared/messages/tunnel/opening.ts";
import type { Exchange, Outlet } from "./exchange.ts";
import { copying } from "./outlets.ts";

/** A question of the gateway's own to the coordinator; `json` is its body. */
export type Question = { method: string; target: string; json: string | undefined };

export type QuestionAnswer = { status: number; body: Uint8Array };

/** Asks it. Undefined if no answer came in time, or one with too many bytes. */
export function askThrough(
  open: (opening: Opening, outlet: Outlet) => Exchange | undefined,
  { method, target, json }: Question,
  { limitMs, bytes }: { limitMs: number; bytes: number },
  { nonce, clock }: { nonce: string; clock: Clock },
): Promise<QuestionAnswer | undefined> {
  return new Promise((done) => {
    let leave = (): void => undefined;
    const cancel = clock.after(limitMs, () => {
      leave();
      done(undefined);
    });
    const resolve = (answer: QuestionAnswer | undefined): void => {
      cancel();
      done(answer);
    };
    const nowhere: Outlet = {
      head() {},
      data: (_, taken) => taken(),
      end: () => resolve(undefined), // too long to be read
      fail: () => resolve(undefined),
    };
    const type = json === undefined ? [] : ["content-type", "application/json"];
    const opening: Opening = {
      v: 1,
      method,
      target,
      headers: ["accept", "application/json", "accept-encoding", "identity", ...type],
      body: json === undefined ? { kind: "none" } : { kind: "whole", bytes: Buffer.from(json) },
      gateway: nonce,
    };
    const exchange = open(
      opening,
      copying(nowhere, bytes, (status, body) => resolve({ status, body })),
    );
    leave = () => exchange?.gone();
  });
}
