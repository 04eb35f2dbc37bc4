import { status } from "@grpc/grpc-js";
import { podClient } from "../../support/pod-client.ts";
import { openSocket } from "../../support/socket-reader.ts";
import { openSse } from "../../support/sse-reader.ts";

/** What a watcher gets: an event of the log, or what is said beside them. */
export type Got = { seq?: number; log?: string; type: string };

/** One connection of a watcher. */
export type Visit = {
  /** What came since the last call; waits if that is nothing. Undefined after its end. */
  next(): Promise<Got[] | undefined>;
  /** Reads nothing for a while. */
  pause(): void;
  resume(): void;
  leave(): void;
};

export type Visited = { server: string; session: string; user: string; key: string };

/** By SSE, where each event has a cursor as its id. */
export async function visitBySse(of: Visited, cursor: string): Promise<Visit> {
  const { server, session, user, key } = of;
  const url = `${server}/sessions/${session}/events?user_id=${user}`;
  const reader = await openSse(url, { "x-api-key": key, "last-event-id": cursor });
  return {
    async next() {
      const blocks = await reader.next();
      return blocks?.flatMap((block) => {
        if (block.kind !== "event") return [];
        const [seq, log] = block.id?.split(".") ?? [];
        const type = String(block.data["type"]);
        return [seq === undefined || log === undefined ? { type } : { seq: Number(seq), log, type }];
      });
    },
    pause: () => void reader.response.pause(),
    resume: () => void reader.response.resume(),
    leave: reader.close,
  };
}

/** By WebSocket, where the log's name comes with what is said beside events. */
export async function visitBySocket(of: Visited, cursor: string): Promise<Visit> {
  const { server, session, user, key } = of;
  const url = `${server}/sessions/${session}/execute?user_id=${user}`;
  const reader = await openSocket(url, { "x-api-key": key });
  reader.send({ action: "resume", after: cursor });
  let taken = 0;
  return {
    async next() {
      await reader.more(taken);
      const frames = reader.frames.slice(taken);
      if (frames.length === 0) return undefined;
      taken = reader.frames.length;
      return frames
        .filter(({ type }) => type !== "reply")
        .map(({ seq, log, type }) => ({
          ...(typeof seq === "number" ? { seq } : {}),
          ...(typeof log === "string" ? { log } : {}),
          type: String(type),
        }));
    },
    pause: () => reader.socket.pause(),
    resume: () => reader.socket.resume(),
    leave: reader.close,
  };
}

/** Statuses with which a server that is killed or stopped ends its watches. */
const ENDS: readonly status[] = [status.UNAVAILABLE, status.CANCELLED, status.INTERNAL, status.OK];

/** By gRPC, where a place is a bare number. */
export async function visitByGrpc(of: Visited, cursor: string): Promise<Visit> {
  const { server, session, user, key } = of;
  const client = podClient(server, { key, user });
  const watch = client.watch(session, cursor.split(".", 1)[0]);
  return {
    async next() {
      const messages = await watch.next();
      if (messages !== undefined)
        return messages.map(({ seq, event_type: type }) => ({ seq: Number(seq), type }));
      const { code, details } = await watch.ended;
      if (!ENDS.includes(code)) throw new Error(`the watch of ${session} ended with ${code} ${details}`);
      return undefined;
    },
    pause: () => watch.pause(),
    resume: () => watch.resume(),
    leave() {
      watch.cancel();
      client.close();
    },
  };
}
