import type { Credentials } from "../../shared/credentials/index.ts";
import type { Gate } from "../coordinator/gate.ts";
import type { AttemptResult, Verdict } from "../coordinator/verdict.ts";
import type { Entry, Lane, Ending, TurnContext, TurnOutcome } from "../lanes/index.ts";
import { closedInUse } from "./attempt.ts";
import {
  attemptBatch,
  itemVerdict,
  UNANSWERED,
  type BatchAnswer,
  type BatchAttemptDeps,
} from "./batch-attempt.ts";
import type { Response } from "./batch-wire.ts";
import type { Judged } from "./conclude.ts";
import { notNow, type Turn } from "./turn.ts";

/** 650 bytes for each of a hundred results. */
const LONG_ANSWER_BYTES: number = 64 * 1024;
/** Only these statuses say that an event in the batch is wrong. Then the batch is halved until that event is alone. */
const BISECTED = new Set([400, 413, 422]);

export type BatchDeps = BatchAttemptDeps & {
  credentials: Credentials;
  gate: Gate;
  /** One entry alone, and what a verdict on one means: the same as without batches. */
  turn: Turn;
};

/** One turn of a lane, which may take several requests. */
type Round = {
  deps: BatchDeps;
  lane: Lane;
  context: TurnContext;
  /** What is settled already. */
  settled: Map<Entry, Ending>;
};

/** More than a hundred results need, unless they quote what was refused. */
function isTooLong(result: AttemptResult): boolean {
  return result.kind === "response" && result.body.length > LONG_ANSWER_BYTES;
}

/** The result of the batch as a whole says nothing about its first event. */
function together(entries: readonly Entry[], outcome: TurnOutcome): TurnOutcome {
  return outcome.kind === "retry" ? { ...outcome, together: entries.length } : outcome;
}

/** Notes an entry that is settled; any other outcome is returned. */
function note({ settled }: Round, entry: Entry, outcome: TurnOutcome): TurnOutcome | undefined {
  if (outcome.kind !== "settled") return outcome;
  settled.set(entry, outcome.how);
  return undefined;
}

async function alone(round: Round, entry: Entry): Promise<TurnOutcome | undefined> {
  const { deps, lane, context } = round;
  return note(round, entry, await deps.turn.single(lane, entry, context));
}

/** The others come in the next turn: what follows them must not overtake them (ORDER-1). */
async function firstAlone(round: Round, first: Entry): Promise<TurnOutcome> {
  return (await alone(round, first)) ?? { kind: "again" };
}

/** Settles what the coordinator settled, each by its own verdict; the first other outcome is the batch's. */
async function judgeEach(
  round: Round,
  judged: Judged,
  entries: Entry[],
  results: Map<string, Response>,
): Promise<TurnOutcome | undefined> {
  const { clock, turn } = round.deps;
  let next: TurnOutcome | undefined;
  for (const entry of entries) {
    const result = results.get(entry.envelope?.id ?? "");
    if (result === undefined) {
      next ??= together(
        entries.filter((other) => !results.has(other.envelope?.id ?? "")),
        { kind: "retry", reason: UNANSWERED.reason, counts: true },
      );
      continue;
    }
    const verdict = itemVerdict(result, clock.wall());
    const other = note(round, entry, await turn.conclude({ ...judged, entry, verdict, result }));
    next ??= other;
  }
  return next;
}

/** What an answer to the request as a whole means, unless it is to be divided. */
async function judge(
  round: Round,
  entries: Entry[],
  judged: Judged,
  { results }: BatchAnswer,
): Promise<TurnOutcome | undefined> {
  const { turn } = round.deps;
  if (judged.verdict.kind !== "delivered") return together(entries, await turn.conclude(judged));
  if (results !== undefined) return judgeEach(round, judged, entries, results);
  // each alone has an answer that can be judged
  if (isTooLong(judged.result)) return firstAlone(round, judged.entry);
  const reason = "the batch endpoint answers without results";
  const spoiled: Verdict = { kind: "retry", reason, connection: false, failure: true };
  return together(entries, await turn.conclude({ ...judged, verdict: spoiled }));
}

/** Sends entries in order; stops at the first that cannot be settled, and returns why. */
async function send(round: Round, entries: Entry[]): Promise<TurnOutcome | undefined> {
  const { deps, lane, context } = round;
  const { credentials, gate } = deps;
  const [first] = entries;
  if (first?.envelope === undefined) return { kind: "again" };
  if (entries.length === 1) return alone(round, first);
  const pass = credentials.current() ?? (await credentials.headers());
  if (pass.kind === "unavailable") return firstAlone(round, first); // pauses with the reason
  const kept = notNow(first, context);
  if (kept !== undefined) return kept;
  const answer = await attemptBatch(deps, { lane, entries, first }, pass.headers, context);
  const { verdict, result } = answer;
  if (closedInUse(lane, result)) return { kind: "again" };
  if (verdict.kind !== "dead") {
    const { generation } = pass;
    const judged: Judged = { lane, entry: first, verdict, result, generation, probe: context.probe };
    return judge(round, entries, judged, answer);
  }
  gate.answered(lane.token);
  if (!BISECTED.has(verdict.status)) return firstAlone(round, first);
  const middle = Math.ceil(entries.length / 2);
  return (await send(round, entries.slice(0, middle))) ?? (await send(round, entries.slice(middle)));
}

/** Sends several entries of one lane as one request. If it is refused, finds the entry that is the reason (docs/contract.md, "Batches"). */
export function createBatchTurn(
  deps: BatchDeps,
): (lane: Lane, entries: Entry[], context: TurnContext) => Promise<TurnOutcome> {
  return async function batchTurn(lane, entries, context) {
    const settled = new Map<Entry, Ending>();
    let next: TurnOutcome | undefined;
    try {
      next = await send({ deps, lane, context, settled }, entries);
    } catch (error) {
      deps.log.error({ err: error, session: lane.session }, "batch failed");
      next = { kind: "retry", reason: "internal", counts: false }; // what is settled stays settled
    }
    return { kind: "batch", settled, next };
  };
}
