import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../base/clock.ts";
import { parseJsonWithin, RECORD_JSON } from "../../base/json-scan.ts";
import { infoOf } from "../../log/provision/ensure-stream.ts";
import { SESSION_STATE_STREAM } from "../topology.ts";
import { writeKey } from "./bucket.ts";
import { keyOf, keySubject } from "./keys.ts";

/** Present while no worker may begin a turn. */
export type TurnsPause = {
  /** Wall clock, milliseconds since 1970. */
  since: number;
  /** For people: why. */
  text: string;
  /** For people: who paused. */
  by?: string;
};

/** Longest text that is kept, characters. */
const MAX_TEXT = 500;

type Deps = { nc: NatsConnection; jsm: JetStreamManager };

/** The pause of turns, as an operator reads it. Undefined if there is none. */
export async function readTurnsPause(jsm: JetStreamManager): Promise<TurnsPause | undefined> {
  const found = await jsm.direct.getMessage(SESSION_STATE_STREAM, { last_by_subj: keySubject(keyOf.paused) });
  if (found === null || found.header.has("KV-Operation")) return undefined;
  const { since, text, by } = (parseJsonWithin(found.data, RECORD_JSON) ?? {}) as Record<string, unknown>;
  return {
    since: typeof since === "number" ? since : found.time.getTime(), // of a pause that was written by hand
    text: typeof text === "string" ? text : "",
    ...(typeof by === "string" ? { by } : {}),
  };
}

/** Has workers begin no turn. A second time changes the text only. `absent`: the broker has no log of sessions. Throws what `writeKey` throws. */
export async function pauseTurns(
  { nc, jsm, clock }: Deps & { clock: Clock },
  { text, by }: { text: string; by?: string },
): Promise<TurnsPause | "absent"> {
  if ((await infoOf(jsm, SESSION_STATE_STREAM)) === undefined) return "absent";
  const since = (await readTurnsPause(jsm))?.since ?? clock.wall();
  const pause = { since, text: text.slice(0, MAX_TEXT), ...(by === undefined ? {} : { by }) };
  await writeKey(nc, { key: keyOf.paused, value: Buffer.from(JSON.stringify(pause)) });
  return pause;
}

/** Ends that. False if nothing was paused. */
export async function resumeTurns({ nc, jsm }: Deps): Promise<boolean> {
  if ((await infoOf(jsm, SESSION_STATE_STREAM)) === undefined) return false;
  if ((await readTurnsPause(jsm)) === undefined) return false;
  await writeKey(nc, { key: keyOf.paused, value: undefined });
  return true;
}
