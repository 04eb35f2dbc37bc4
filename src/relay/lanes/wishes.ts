import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "../../shared/base/clock.ts";
import {
  decodeControl,
  decodePause,
  type ControlRecord,
  type PauseRecord,
} from "../../shared/log/state/control.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { STATE_BUCKET, stateKey } from "../../shared/log/schema/topology.ts";
import { readLast, walkState } from "../../shared/log/state/state-store.ts";

/** What an operator wants of one session. */
export type Wish = ControlRecord & {
  revision: number;
  /** Monotonic time when it was read. */
  seenAt: number;
};

/** What operators want, as far as it was read of the bucket. */
export type Wishes = {
  /** Reads what is new. Throws `schema_newer`. */
  read(): Promise<void>;
  /** What was read may be out of date: the next {@link Wishes.read} reads everything. Until it is done, the old wishes hold. */
  readAnew(): void;
  of(token: string): Wish | undefined;
  /** The wish to pause the session; undefined if there is none. */
  pauseOf(token: string): Wish | undefined;
  /** All wishes by session token. */
  all(): ReadonlyMap<string, Wish>;
  /** Wishes up to this revision were read. */
  upTo(): number;
  /** Tokens of sessions whose pause ended and whose lanes may still stand. The code that lets them go on takes them out. */
  readonly ended: Set<string>;
  /** The pause of everything. */
  pause(): PauseRecord | undefined;
  /** Revision of that pause, or of its end. */
  pauseRevision(): number;
  /** This relay has just written the pause of everything. */
  wrotePause(record: PauseRecord): void;
};

/** What was read of the bucket. */
type Known = {
  /** Wishes below this sequence were read. */
  from: number;
  wishes: Map<string, Wish>;
  pause: PauseRecord | undefined;
  pauseRevision: number;
  reading?: Promise<void> | undefined;
};

type WishesDeps = { jsm: JetStreamManager; clock: Clock; log: Logger };

export function createWishes(deps: WishesDeps): Wishes {
  let known = nothingKnown();
  /** Everything read anew. It takes the place of {@link known} when it is complete. */
  let building: Known | undefined;
  const ended = new Set<string>();

  const pauseIn = (read: Known, token: string): Wish | undefined => {
    const wish = read.wishes.get(token);
    return wish?.action === "pause" ? wish : undefined;
  };

  function noteEnd(token: string, next: Wish | undefined): void {
    if (pauseIn(known, token) !== undefined && next?.action !== "pause") ended.add(token);
  }

  async function readInto(target: Known): Promise<void> {
    await readSessions(deps, target, (token, wish) => {
      if (target === known) noteEnd(token, wish);
    });
    await readPause(deps.jsm, target);
    if (target !== building) return;
    for (const token of known.wishes.keys()) noteEnd(token, target.wishes.get(token));
    known = target;
    building = undefined;
  }

  return {
    read() {
      if (building === undefined) return readInto(known);
      const target = building;
      // everything is read once for all shards that are taken over after a reconnect: 50,000 wishes take seconds
      target.reading ??= readInto(target).finally(() => (target.reading = undefined));
      return target.reading;
    },
    readAnew: () => void (building = nothingKnown()),
    of: (token) => known.wishes.get(token),
    pauseOf: (token) => pauseIn(known, token),
    all: () => known.wishes,
    upTo: () => known.from - 1,
    ended,
    pause: () => known.pause,
    pauseRevision: () => known.pauseRevision,
    wrotePause: (record) => void (known.pause = record),
  };
}

/** Reads the wishes since `target.from`. `changing` runs before a wish, or the end of one, is noted. */
async function readSessions(
  { jsm, clock, log }: WishesDeps,
  target: Known,
  changing: (token: string, wish: Wish | undefined) => void,
): Promise<void> {
  for await (const { seq, subject, data, header } of walkState(jsm, "control.*", target.from)) {
    if (seq < target.from) continue; // another reader was faster
    target.from = seq + 1;
    const token = subject.slice(subjectOf("control.").length);
    const record = header.has("KV-Operation") ? undefined : decodeControl(data);
    if (record === undefined && data.length > 0)
      log.error(
        { key: stateKey.control(token), code: "envelope_invalid" },
        "an operator's control record cannot be read",
      );
    const wish = record && { ...record, revision: seq, seenAt: clock.now() };
    changing(token, wish);
    if (wish === undefined) target.wishes.delete(token);
    else target.wishes.set(token, wish);
  }
}

async function readPause(jsm: JetStreamManager, target: Known): Promise<void> {
  const message = await readLast(jsm, stateKey.paused);
  // who was the bucket's leader may answer for a moment as if it still were
  if (message === null || message.seq <= target.pauseRevision) return;
  const { seq, data, header, time } = message;
  target.pauseRevision = seq;
  target.pause = header.has("KV-Operation") ? undefined : decodePause(data, time.getTime());
}

function nothingKnown(): Known {
  return { from: 1, wishes: new Map(), pause: undefined, pauseRevision: 0 };
}

function subjectOf(key: string): string {
  return `$KV.${STATE_BUCKET}.${key}`;
}
