import type { JetStreamManager } from "@nats-io/jetstream";
import { violationOf } from "../../base/violation.ts";
import { infoOf } from "../../log/provision/ensure-stream.ts";
import { readTurnsPause, type TurnsPause } from "../state/pause.ts";
import { SESSIONS_STREAM } from "../topology.ts";
import { readActivities } from "./read-activity.ts";
import { readWorkers } from "./workers.ts";

// activity.ts says what goes on in a session, from what read-activity.ts reads of it · workers.ts who runs turns

/** How the log of sessions is, and what goes on in it. */
export type SessionsStatus =
  | {
      kind: "there";
      log: {
        messages: number;
        bytes: number;
        maxBytes: number;
        firstSeq: number;
        lastSeq: number;
        created: string;
        replicas: number;
      };
      turns: { running: number; waiting: number };
      /** Questions of agents that nobody has answered. */
      questions: number;
      /** Names of the workers that run. */
      workers: string[];
      /** Set while no worker may begin a turn. */
      paused?: TurnsPause;
      /** False if more sessions have turns than were read: then there is more of everything. */
      complete: boolean;
    }
  /** The broker has no log of sessions. */
  | { kind: "absent" }
  /** This login may not read it, as one of an older `users.conf`. */
  | { kind: "denied" };

/** Reads the status, as an operator or as the console. Rejects with the broker's errors. */
export async function readSessionsStatus(jsm: JetStreamManager): Promise<SessionsStatus> {
  try {
    const info = await infoOf(jsm, SESSIONS_STREAM);
    if (info === undefined) return { kind: "absent" };
    const { state, config, created } = info;
    const [{ sessions, more }, workers, paused] = await Promise.all([
      readActivities(jsm),
      readWorkers(jsm),
      readTurnsPause(jsm),
    ]);
    const running = sessions.flatMap((it) => it.running ?? []);
    return {
      kind: "there",
      log: {
        messages: state.messages,
        bytes: state.bytes,
        maxBytes: config.max_bytes,
        firstSeq: state.first_seq,
        lastSeq: state.last_seq,
        created,
        replicas: config.num_replicas,
      },
      turns: { running: running.length, waiting: sessions.reduce((sum, { waiting }) => sum + waiting, 0) },
      questions: running.reduce((sum, { questions }) => sum + questions.length, 0),
      workers,
      ...(paused === undefined ? {} : { paused }),
      complete: more === 0,
    };
  } catch (error) {
    if (violationOf(error) !== undefined) return { kind: "denied" };
    throw error;
  }
}
