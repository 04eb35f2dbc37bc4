import type { NatsConnection, Server } from "@nats-io/nats-core";

const TICK_MS = 250;
/** A server that says nothing for this long although it was asked is left: with the ticks, and the way to the next server, within 2 s. */
const SILENT_MS = 1250;
/** Ticks that are this far apart say that this process stood still. What the server said meanwhile was not read yet. */
const STALL_MS = 2 * TICK_MS;

/** What the watch knows between two ticks. `askedAt`: when the question was asked that is open, or something else was heard since. */
export type Silence = { tickedAt: number; askedAt: number | undefined; heard: number };

/**
 * What a tick does. `heard`: bytes that came so far. A server whose disk stalls still answers a ping, and one whose answer stands behind a large message still
 * sends bytes. One that was stopped, or whose network is gone, does neither. Pure.
 */
export function tickOf(
  before: Silence,
  now: { at: number; heard: number },
): { next: Silence; does: "nothing" | "ask" | "leave" } {
  const { at, heard } = now;
  if (before.askedAt === undefined) return { next: { tickedAt: at, askedAt: at, heard }, does: "ask" };
  const alive = heard !== before.heard || at - before.tickedAt > STALL_MS;
  const askedAt = alive ? at : before.askedAt;
  const silent = at - askedAt >= SILENT_MS;
  return {
    next: { tickedAt: at, askedAt: silent ? undefined : askedAt, heard },
    does: silent ? "leave" : "nothing",
  };
}

/** What is read of a server that the client knows. */
type Known = Pick<Server, "listen" | "lastConnect">;

/** Leaves servers that hang. `next` goes into the client's settings, and `watch` is called with the connection. */
export type HungServers = {
  next: (pool: readonly Server[]) => Server | null;
  watch: (nc: NatsConnection) => void;
};

/** The server to try instead of one that hangs: one that was not tried since. Undefined: as the client chooses. Pure. */
export function insteadOf<S extends Known>(
  left: { listen: string; at: number },
  pool: readonly S[],
): S | undefined {
  return pool.find(({ listen, lastConnect }) => listen !== left.listen && lastConnect < left.at);
}

/**
 * Leaves a server that hangs for another one of its cluster. The client itself notices it after 15 s, because one server alone may hang for long, and nothing
 * would be won by leaving it; and it would try the same one again first (ADR 0055).
 */
export function leaveHungServers(): HungServers {
  let left: { listen: string; at: number } | undefined;
  return {
    next: (pool) => (left === undefined ? null : (insteadOf(left, pool) ?? null)),
    watch(nc) {
      let silence: Silence = { tickedAt: performance.now(), askedAt: undefined, heard: 0 };
      const answered = (): void => void (silence.askedAt = undefined);
      const timer = setInterval(() => {
        if (nc.isClosed() || nc.isDraining()) return;
        const { next, does } = tickOf(silence, { at: performance.now(), heard: nc.stats().inBytes });
        silence = next;
        if (does === "ask") nc.rtt().then(answered, answered);
        if (does !== "leave") return;
        left = { listen: nc.getServer(), at: Date.now() };
        nc.reconnect().catch(() => {});
      }, TICK_MS);
      timer.unref();
      void nc.closed().finally(() => clearInterval(timer));
      void (async () => {
        for await (const { type } of nc.status()) if (type === "reconnect") left = undefined;
      })();
    },
  };
}
