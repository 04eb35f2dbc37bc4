import type { NatsConnection } from "@nats-io/nats-core";
import type { PauseRecord } from "../../shared/log/state/control.ts";
import { stateKey } from "../../shared/log/schema/topology.ts";
import { writeState } from "../../shared/log/state/state-store.ts";
import { stoppedBy, type Gate } from "../coordinator/gate.ts";
import type { Wishes } from "./wishes.ts";

/** Keeps the pause of everything the same in the bucket and at this relay's gate. */
export type PauseOfAll = {
  /** Pauses or resumes the gate as the bucket says. A stop by a poison event that is not in the bucket yet is left alone. */
  follow(): void;
  /** Writes a stop by a poison event, so that it holds for all relays, and beyond the life of this one, until an operator resumes. */
  storeStop(): Promise<void>;
};

export function createPauseOfAll(deps: { nc: NatsConnection; gate: Gate; wishes: Wishes }): PauseOfAll {
  const { nc, gate, wishes } = deps;
  /** True once the bucket has, or had, the pause that this gate is in. */
  let stored = false;

  return {
    follow() {
      const pause = wishes.pause();
      const now = stoppedBy(gate.state());
      if (pause !== undefined) {
        stored = true;
        const reason = pause.reason ?? "paused_by_operator";
        if (now !== reason) gate.pause(reason, pause.text);
      } else if (now !== undefined && stored) {
        stored = false;
        gate.resume(now);
      }
    },
    async storeStop() {
      const state = gate.state();
      if (state.phase !== "paused" || state.reason !== "poison_stop" || stored) return;
      const record: PauseRecord = { v: 1, since: state.since, text: state.text, reason: "poison_stop" };
      const value = new TextEncoder().encode(JSON.stringify(record));
      if (!(await writeState(nc, stateKey.paused, value, wishes.pauseRevision()))) {
        wishes.readAnew(); // somebody paused meanwhile, or the bucket forgot the end of the last pause
        return;
      }
      wishes.wrotePause(record);
      stored = true;
    },
  };
}
