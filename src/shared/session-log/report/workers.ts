import type { JetStreamManager } from "@nats-io/jetstream";
import { parseJsonWithin, RECORD_JSON } from "../../base/json-scan.ts";
import { keyOf, keySubject } from "../state/keys.ts";
import { SESSION_STATE_STREAM } from "../topology.ts";

/** A worker says every 10 s that it is there. One that was stopped is remembered for longer, so that no other one takes its turns too early. */
const SILENT_MS = 25_000;

/** Names of the workers that run, by what they say of their roots. The broker's clock decides who was heard. */
export async function readWorkers(jsm: JetStreamManager): Promise<string[]> {
  const { state, ts } = await jsm.streams.info(SESSION_STATE_STREAM, {
    subjects_filter: keySubject(keyOf.root("*")),
  });
  const now = ts === undefined ? Date.now() : Date.parse(ts);
  const names = await Promise.all(
    Object.keys(state.subjects ?? {}).map(async (last_by_subj) => {
      const said = await jsm.direct.getMessage(SESSION_STATE_STREAM, { last_by_subj });
      if (said === null || now - said.time.getTime() > SILENT_MS) return undefined;
      const { worker } = (parseJsonWithin(said.data, RECORD_JSON) ?? {}) as { worker?: unknown };
      return typeof worker === "string" ? worker : undefined;
    }),
  );
  return [...new Set(names.filter((name) => name !== undefined))].toSorted();
}
