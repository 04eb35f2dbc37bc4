import type { Tracing } from "../shared/base/tracing.ts";

/** What is traced of a turn. */
export type TurnSpan = {
  /** W3C `traceparent` for its agent: of the span, or of the request where traces are off. */
  trace: string | undefined;
  end(of: { outcome: string; code?: string }): void;
};

/** Begins the span of a turn that runs, in the trace of the request that asked for it. */
export function startTurnSpan(
  tracing: Tracing | undefined,
  of: { session: string; turn: string; epoch: number; trace: string | undefined },
): TurnSpan {
  const { session, turn, epoch, trace } = of;
  const span = tracing?.span({
    name: "turn",
    kind: "consumer",
    parent: trace === undefined ? undefined : { traceparent: trace },
    attributes: {
      "runner_relay.session.id": session,
      "runner_relay.turn.id": turn,
      "runner_relay.epoch": epoch,
    },
  });
  return {
    trace: span?.context.traceparent ?? trace,
    end({ outcome, code }) {
      span?.set({ "runner_relay.outcome": outcome });
      span?.end(outcome === "finished" ? undefined : (code ?? outcome));
    },
  };
}
