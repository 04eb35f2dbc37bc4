import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { SERVE_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { createPages } from "../../../src/shared/session-log/follow/pages.ts";
import { createLeader } from "../../../src/shared/session-log/follow/leader.ts";
import type { SessionKind } from "../../../src/shared/session-log/registry/entry.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import { wholeSession } from "../../../src/shared/session-log/subjects.ts";
import { agent } from "../../integration/session-log/harness.ts";
import type { Random } from "../random.ts";
import type { BrokerHome } from "./broker-home.ts";

/** Sessions that are written, each by an owner of its own: one half by workers, the other by pods that push by gRPC. */
export type Writers = {
  sessions: readonly WrittenSession[];
  /** Events that are stored so far. */
  count(): number;
  /** Resolves when the last one is stored. */
  stop(): Promise<void>;
  /** Sequences of a session, as the log has them. */
  stored(session: WrittenSession): Promise<number[]>;
};

export type WrittenSession = { id: string; name: string; kind: SessionKind; last: number };

/** Pushes an event, again and again until it is stored, and returns its place. */
export type Push = (session: string, key: string) => Promise<number>;

export async function startWriters(
  broker: BrokerHome,
  options: { user: string; sessions: number; perSecond: number; random: Random; push: Push },
): Promise<Writers> {
  const { user, perSecond, random, push } = options;
  const ending = new AbortController();
  const { signal } = ending;
  const clock = systemClock;
  const nc = await broker.connect("serve");
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 2000 });
  const deps = { nc, jsm, clock, signal, room: () => Infinity, random: randomUUID };
  const sessions: WrittenSession[] = [];
  const written: Promise<void>[] = [];
  let writing = true;
  let count = 0;
  const writerOf = async (session: WrittenSession): Promise<() => Promise<number>> => {
    if (session.kind === "pod") return () => push(session.id, randomUUID());
    const owner = await agent(broker, session, signal);
    return async () => {
      const appended = await owner.writer.append(owner.event("text", "t1", { text: "x".repeat(100) }));
      if (appended.kind !== "stored") throw new Error(JSON.stringify(appended));
      return appended.seq;
    };
  };
  const write = async (session: WrittenSession): Promise<void> => {
    const append = await writerOf(session);
    while (writing) {
      session.last = await append();
      count++;
      await delay(random.exponential(1000 / perSecond));
    }
  };
  for (let i = 0; i < options.sessions; i++) {
    const kind: SessionKind = i % 2 === 0 ? "worker" : "pod";
    const { session } = await createSession(deps, { user, id: `s${i}`, kind, record: {} });
    const one = { id: session.id, name: session.name, kind, last: 0 };
    sessions.push(one);
    const over = write(one);
    over.catch(() => undefined); // awaited in `stop`
    written.push(over);
  }
  const pages = createPages({ nc, clock, inboxPrefix: SERVE_INBOX });
  const leader = createLeader({ jsm, clock, signal });
  return {
    sessions,
    count: () => count,
    async stop() {
      writing = false;
      await Promise.all(written);
    },
    async stored({ name }) {
      const seqs: number[] = [];
      for (const last = await leader.lastOf(name); (seqs.at(-1) ?? 0) < last;)
        for (const { seq } of (await pages.read(wholeSession(name), (seqs.at(-1) ?? 0) + 1)).events)
          seqs.push(seq);
      return seqs;
    },
  };
}
