import { createBatchTurn } from "./batch.ts";
import type { DispatcherDeps } from "../lanes/index.ts";
import { createTurn, type TurnDeps } from "./turn.ts";

// turn.ts sends one event until its outcome is known: late-binds.ts asks before · attempt.ts makes the request · conclude.ts says what the verdict means ·
// burial.ts, refused-credentials.ts and unregistered.ts have what each of those verdicts needs
// batch.ts sends several as one request: batch-attempt.ts makes it, batch-wire.ts writes and reads it
// A turn is everything between taking an event from its lane and settling it, so each outcome has one place. A batch is an alternative to a turn: an event that
// a batch cannot decide is sent alone, in a turn.

/** What a lane's turn does with the entries it took: one goes alone, several go as a batch if the coordinator has an endpoint for that. */
export function createTurns(
  deps: TurnDeps & { batch: { path: string } | undefined },
): DispatcherDeps["turn"] {
  const turn = createTurn(deps);
  const batch = deps.batch && createBatchTurn({ ...deps, turn, template: deps.batch.path });
  return (lane, entries, context) => {
    const [entry] = entries;
    if (entry === undefined) return Promise.resolve({ kind: "again" });
    return batch === undefined || entries.length === 1
      ? turn.single(lane, entry, context)
      : batch(lane, entries, context);
  };
}
