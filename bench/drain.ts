import { fillLog } from "./fill.ts";
import { startPeer, type Peer } from "./peer.ts";
import type { Job, Run } from "./peers/client.ts";
import type { Count, Counted } from "./peers/sink.ts";
import { startLog, startRelay, type Product, type Profile } from "./product.ts";
import { cpuPerEvent, peakBytes } from "./usage.ts";

/** Connections of both sides: the relay's default. */
const CONNECTIONS = 32;

/** How much, to how many sessions, against what. */
export type Backlog = {
  events: number;
  sessions: number;
  /** Events before the clock starts: a process that was just started compiles its code meanwhile. */
  warm: number;
  /** Stop the clock after this many events; by default at the last one. */
  until?: number;
  /** Stop the relay then, too: nothing else can be measured in this lab, because the rest stays in the log. */
  leaveRest?: boolean;
  delayMs: number;
  /** Further settings of the relay. */
  env?: Record<string, string>;
};

export type Drained = { rate: number; cpu: Record<string, number>; relayBytes: number };

/** A log, and a coordinator that counts; relays come and go. */
export type DrainLab = {
  /** Fills the log, starts a relay, and gives its rate. */
  relay(backlog: Backlog): Promise<Drained>;
  /** The same number of single requests by raw undici, on as many connections. */
  raw(backlog: Pick<Backlog, "warm" | "delayMs" | "events">): Promise<number>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** The log is filled without a sync per write: what is measured begins when it is full, and reading needs none. */
export async function openDrainLab(profile: Profile): Promise<DrainLab> {
  await using scope = new AsyncDisposableStack();
  const broker = scope.use(await startLog(false));
  const nc = await broker.connect("gateway");
  const sink: Peer<Count, Counted> = scope.use(await startPeer<Count, Counted>("sink"));
  const client = scope.use(await startPeer<Job, Run>("client"));
  const home = scope.move();
  let fills = 0;

  return {
    async relay({ events, sessions, warm, until, leaveRest, delayMs, env }) {
      await fillLog(nc, { events, sessions, prefix: `drain-${fills++}` });
      const counted = sink.ask({ total: until ?? events, warm, delayMs });
      let relay: Product | undefined;
      try {
        const began = await startRelay(broker, sink.url, profile, env);
        relay = began;
        const { result, cpu } = await cpuPerEvent(
          { relay: began.pid, broker: broker.pid(), sink: sink.pid },
          () => counted,
          () => until ?? events,
        );
        if (until !== undefined && until < events && leaveRest !== true)
          await sink.ask({ total: events - until, warm: 0, delayMs: 0 });
        const relayBytes = (await peakBytes(began.pid)) ?? NaN;
        return { rate: rateOf(result), cpu, relayBytes };
      } finally {
        await relay?.[Symbol.asyncDispose]();
      }
    },
    async raw({ events, warm, delayMs }) {
      const counted = sink.ask({ total: events, warm, delayMs });
      await client.ask({ kind: "pour", url: sink.url, events, connections: CONNECTIONS });
      return rateOf(await counted);
    },
    [Symbol.asyncDispose]: () => home.disposeAsync(),
  };
}

function rateOf({ events, ms }: Counted): number {
  return (events * 1000) / ms;
}
