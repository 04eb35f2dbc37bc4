import type { SessionClient } from "../client/index.ts";
import { SessionClientError } from "../client/index.ts";
import { errorText } from "../shared/base/errors.ts";
import type { Write } from "./report.ts";

/** Most writes that wait: behind them an agent waits, too. */
const MOST_WAITING = 100;

/** Sends what happens in a session, one after the other. */
export type Reporter = {
  /** Behind everything that was put before. Nothing is sent any more once something was lost. */
  put(writes: readonly Write[]): void;
  /** Resolves when there is room for more. */
  room(): Promise<void>;
  /** Resolves when everything was taken; with why not, if something was lost. */
  done(): Promise<string | undefined>;
  /** How many writes nobody has taken yet. */
  waiting(): number;
};

export type ReporterDeps = {
  client: Pick<SessionClient, "bind" | "addEvent" | "updateSession">;
  /** Of the next event. */
  timestamp: () => string;
  warn: (text: string) => void;
  /** Something was lost: the turn need not go on. */
  lost: (why: string) => void;
};

export function createReporter(
  { client, timestamp, warn, lost }: ReporterDeps,
  { sessionId, projectDir }: { sessionId: string; projectDir: string },
): Reporter {
  let failure: string | undefined;
  let waiting = 0;
  let last = Promise.resolve();

  async function send(write: Write, at: string): Promise<void> {
    switch (write.kind) {
      case "bind":
        return void (await client.bind(sessionId, {
          executorSessionId: write.executorSessionId,
          projectDir,
        }));
      case "resumed":
        return void (await client.updateSession(sessionId, { last_resumed_at: at }));
      case "event":
        return void (await client.addEvent(sessionId, { ...write.event, timestamp: at }));
    }
  }

  async function take(write: Write, at: string): Promise<void> {
    try {
      if (failure === undefined) await send(write, at);
    } catch (error) {
      const why = `${nameOf(write)} was not taken: ${errorText(error)}`;
      if (mayMiss(write, error)) return warn(why);
      failure = why;
      lost(why);
    } finally {
      waiting--;
    }
  }

  return {
    put(writes) {
      for (const write of writes) {
        const at = timestamp();
        waiting++;
        last = last.then(() => take(write, at));
      }
    },
    async room() {
      if (waiting > MOST_WAITING) await last;
    },
    async done() {
      await last;
      return failure;
    },
    waiting: () => waiting,
  };
}

/** An event that the coordinator refuses is a dead letter, which its operator sees. Without a bind or a result the run is worth nothing. */
function mayMiss(write: Write, error: unknown): boolean {
  if (write.kind !== "event" || write.event.event_type === "result") return false;
  return error instanceof SessionClientError && (error.status === 400 || error.status === 422);
}

function nameOf(write: Write): string {
  return write.kind === "event"
    ? `the event ${write.event.event_type}`
    : write.kind === "bind"
      ? "the bind"
      : "the metadata";
}
