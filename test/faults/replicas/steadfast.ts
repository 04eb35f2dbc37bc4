import { setTimeout as delay } from "node:timers/promises";
import { visitBySocket, visitBySse, type Visit, type Visited } from "../watch/visit.ts";

/** What a watcher saw that comes back at once whenever its stream ends. */
export type Steadfast = {
  seqs: number[];
  /** What was said beside events, and should not be where nothing was removed. */
  marks: string[];
  /** Milliseconds from the end of each stream to the first item of the next one. */
  gapsMs: number[];
  /** Attempts that were refused, with the reason. */
  refused: string[];
};

/** `retry:` of a stream that ends because its server stops. */
const AGAIN_MS = 50;

const HARMLESS = new Set(["caught_up", "closed"]);

/** Follows a session until `leave` and `over`, which is asked with the newest event that was seen. `cameBack` is called when a stream follows one that ended. */
export async function followSteadfastly(
  of: Visited & { by: "sse" | "socket" },
  { over, leave, cameBack }: { over: (last: number) => boolean; leave: AbortSignal; cameBack: () => void },
): Promise<Steadfast> {
  const seen: Steadfast = { seqs: [], marks: [], gapsMs: [], refused: [] };
  let cursor = "0";
  let brokenAt: number | undefined;
  const isOver = (): boolean => leave.aborted && over(seen.seqs.at(-1) ?? 0);

  async function stay(visit: Visit): Promise<void> {
    const look = (): void => void (isOver() && visit.leave());
    leave.addEventListener("abort", look);
    for (let got = await visit.next(); got !== undefined; got = await visit.next()) {
      if (brokenAt !== undefined && got.length > 0) {
        seen.gapsMs.push(performance.now() - brokenAt);
        brokenAt = undefined;
        cameBack();
      }
      for (const { seq, type } of got) {
        if (seq !== undefined) seen.seqs.push(seq);
        else if (!HARMLESS.has(type)) seen.marks.push(type);
      }
      cursor = String(seen.seqs.at(-1) ?? 0);
      if (isOver()) break;
    }
    leave.removeEventListener("abort", look);
    visit.leave();
  }

  while (!isOver()) {
    const open = of.by === "sse" ? visitBySse : visitBySocket;
    const visit = await open(of, cursor).catch((error: unknown) => void seen.refused.push(String(error)));
    if (visit !== undefined) {
      await stay(visit);
      brokenAt ??= performance.now();
    }
    if (!isOver()) await delay(AGAIN_MS);
  }
  return seen;
}
