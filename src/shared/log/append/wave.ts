import type { Ack, Refusal } from "./log.ts";

/** What the picking of a wave looks at. */
type Picked = { readonly session: string; readonly keyed: boolean };

/**
 * Chooses, in order, which of the writes go out side by side as singles. Serial: the first of each session, so that nothing is
 * on its way behind a write that may yet fail. Side by side: several of a session, but nothing behind a keyed one, which may turn out to be a
 * duplicate whose number is not used.
 */
export function pickWave<W extends Picked>(writes: readonly W[], serial: boolean, max: number): W[] {
  const wave: W[] = [];
  const closed = new Set<string>();
  for (const write of writes) {
    if (wave.length >= max) break;
    if (closed.has(write.session)) continue;
    if (serial || write.keyed) closed.add(write.session);
    wave.push(write);
  }
  return wave;
}

/** Most writes of one session: the round trips that serial singles need. */
export function roundsOf(writes: readonly Picked[]): number {
  const counts = new Map<string, number>();
  let most = 0;
  for (const { session } of writes) {
    const count = (counts.get(session) ?? 0) + 1;
    counts.set(session, count);
    if (count > most) most = count;
  }
  return most;
}

/** What to do with one write of a wave. */
export type Fate =
  | { kind: "stored"; seq: number; duplicate: boolean }
  | { kind: "refused"; refusal: Exclude<Refusal, "later">; detail: string }
  /** Try again; `uncertain` if it may be stored already. */
  | { kind: "again"; uncertain: boolean; detail: string }
  /** A newer write of its session is stored, so this one can never be tried again: it would come after it (ORDER-1). */
  | { kind: "overtaken"; detail: string };

/** Judges a wave by all of its acks. Pure. */
export function judgeWave(wave: readonly Picked[], acks: readonly Ack[]): Fate[] {
  const lastStored = new Map<string, number>();
  wave.forEach(({ session }, i) => {
    if (acks[i]?.kind === "stored") lastStored.set(session, i);
  });
  return wave.map(({ session }, i): Fate => {
    const ack = acks[i] ?? { kind: "unknown", detail: "no answer" };
    if (ack.kind === "stored") return { kind: "stored", seq: ack.seq, duplicate: ack.duplicate };
    if (ack.kind === "refused" && ack.refusal !== "later") {
      return { kind: "refused", refusal: ack.refusal, detail: ack.detail };
    }
    if ((lastStored.get(session) ?? -1) > i) return { kind: "overtaken", detail: ack.detail };
    return { kind: "again", uncertain: ack.kind === "unknown", detail: ack.detail };
  });
}
