import { openDrainLab } from "../drain.ts";
import type { Budget, Figure } from "../figure.ts";
import { startPeer, type Peer } from "../peer.ts";
import type { Job, Run } from "../peers/client.ts";
import type { Count, Counted } from "../peers/sink.ts";
import { startGateway, startLog, startRelay } from "../product.ts";
import { fetchRivals } from "../rivals/fetched.ts";
import type { Rival, RivalKind } from "../rivals/rival.ts";
import { inTurns, median } from "../rounds.ts";
import type { Lab, Row } from "../row.ts";
import { cpuPerEvent } from "../usage.ts";

type Bounds = { bound: number; stretch: number };
type Plan = { connections: number; Restate?: Bounds; BullMQ?: Bounds };

/** Budgets of docs/performance.md, "Figures": ours by theirs. */
const ACCEPT: readonly Plan[] = [
  { connections: 1, Restate: { bound: 1.3, stretch: 2 }, BullMQ: { bound: 0.9, stretch: 1 } },
  { connections: 16, Restate: { bound: 1.3, stretch: 2 }, BullMQ: { bound: 0.8, stretch: 1.2 } },
  { connections: 64, Restate: { bound: 1.5, stretch: 2 }, BullMQ: { bound: 0.9, stretch: 1.2 } },
  { connections: 256, Restate: { bound: 2, stretch: 3 }, BullMQ: { bound: 1.5, stretch: 2 } },
];
const WHOLE: readonly Plan[] = [1, 16, 64].map((connections) => ({
  connections,
  Restate: { bound: 3, stretch: 5 },
}));
const DRAIN = { Restate: { bound: 4, stretch: 8 } };
/** Sessions of `pour`, and so of our backlog. */
const SESSIONS = 100;
const OURS = { events: 30_000, warm: 12_000 };
const THEIRS = { events: 6000, warm: 2000 };

/** One way to do it, ours first, in one round: events per second, and what they cost. */
type Measured = { rate: number; cpu: Record<string, number>; p50?: number };
type Way = { name: string; url: string; path?: string; pids: Record<string, number> };

let run = 0;

/** Beside what somebody would take instead. All of them sync before they answer, and forward to the same coordinator. */
export const rivals: Row = {
  name: "rivals",
  async run(lab) {
    const { kinds, missing } = await fetchRivals();
    for (const { name, why } of missing) lab.note(`${name} could not be had here: ${why}`);
    if (kinds.length === 0) throw new Error("none of the rivals could be had");
    lab.note(`beside ${kinds.map(({ about }) => about).join("; ")}`);
    await using sink = await startPeer<Count, Counted>("sink");
    await using client = await startPeer<Job, Run>("client");
    await loads(lab, { kinds, sink, client, held: true, what: "durable accept", plans: ACCEPT });
    await loads(lab, { kinds, sink, client, held: false, what: "whole path", plans: WHOLE });
    for (const delayMs of [0, 5]) await drains(lab, kinds, delayMs);
  },
};

type Site = {
  kinds: readonly RivalKind[];
  sink: Peer<Count, Counted>;
  client: Peer<Job, Run>;
  /** Nobody forwards. */
  held: boolean;
  what: string;
  plans: readonly Plan[];
};

async function loads(lab: Lab, { kinds, sink, client, held, what, plans }: Site): Promise<void> {
  await using scope = new AsyncDisposableStack();
  const broker = scope.use(await startLog(true));
  const relay = held ? undefined : scope.use(await startRelay(broker, sink.url, lab.profile));
  const gateway = scope.use(await startGateway(broker, lab.profile));
  const ways: Way[] = [
    {
      name: "runner-relay",
      url: gateway.url,
      pids: {
        gateway: gateway.pid,
        broker: broker.pid(),
        ...(relay === undefined ? {} : { relay: relay.pid }),
      },
    },
  ];
  for (const kind of kinds) {
    const rival = scope.use(await kind.start({ coordinatorUrl: sink.url, held }));
    const { url, pids } = rival;
    ways.push({ name: kind.name, url, path: held ? rival.accept : rival.whole, pids });
  }
  for (const { connections, ...budgets } of plans) {
    const load = (way: Way, seconds: number): Promise<Run> =>
      client.ask({ kind: "load", sessions: `rivals-${run++}`, connections, seconds, ...targetOf(way) });
    for (const way of ways) await load(way, 1); // warm
    const rounds = await inTurns(
      lab.quick ? 3 : 6,
      ways.map((way) => async (): Promise<Measured> => {
        const seconds = lab.quick ? 1.2 : 4;
        const { result, cpu } = await cpuPerEvent(
          way.pids,
          () => load(way, seconds),
          ({ requests }) => requests,
        );
        return { rate: result.rate, p50: result.p50, cpu };
      }),
    );
    const plural = connections === 1 ? "connection" : "connections";
    reportAll(lab, ways, rounds, { what: `${what}, ${connections} ${plural}`, budgets });
  }
}

function targetOf({ url, path }: Way): { url: string; path?: string } {
  return path === undefined ? { url } : { url, path };
}

/** What waits is sent on, one request per event, as fast as each can. */
async function drains(lab: Lab, kinds: readonly RivalKind[], delayMs: number): Promise<void> {
  await using place = await openDrainLab(lab.profile);
  await using sink = await startPeer<Count, Counted>("sink");
  await using client = await startPeer<Job, Run>("client");
  const size = { ours: sized(OURS, delayMs), theirs: sized(THEIRS, delayMs) };
  const theirs = async (kind: RivalKind): Promise<Measured> => {
    await using rival: Rival = await kind.start({ coordinatorUrl: sink.url, held: true });
    const { events, warm } = size.theirs;
    await client.ask({ kind: "pour", url: rival.url, path: rival.accept, connections: 64, events });
    const counted = sink.ask({ total: events, warm, delayMs });
    await rival.release();
    const { events: seen, ms } = await counted;
    return { rate: (seen * 1000) / ms, cpu: {} };
  };
  const rounds = await inTurns<Measured>(lab.quick ? 2 : 4, [
    () => place.relay({ ...size.ours, sessions: SESSIONS, delayMs }),
    ...kinds.map((kind) => () => theirs(kind)),
  ]);
  const ways = [{ name: "runner-relay" }, ...kinds];
  reportAll(lab, ways, rounds, { what: `drain, coordinator ${delayMs} ms`, budgets: DRAIN });
}

function sized({ events, warm }: typeof OURS, delayMs: number): typeof OURS {
  return delayMs === 0 ? { events, warm } : { events: events / 3, warm: warm / 3 };
}

function reportAll(
  { report }: Pick<Lab, "report">,
  [, ...others]: readonly { name: string }[],
  rounds: readonly Measured[][],
  { what, budgets }: { what: string; budgets: { Restate?: Bounds; BullMQ?: Bounds } },
): void {
  others.forEach(({ name }, i) => {
    const budget = budgets[name as "Restate" | "BullMQ"];
    const pairs = rounds.map((round) => ({ ours: round[0], other: round[i + 1] }));
    const samples = pairs.map(({ ours, other }) => (ours?.rate ?? NaN) / (other?.rate ?? NaN));
    const figure: Figure = {
      row: "rivals",
      what: `${what}, against ${name}`,
      value: median(samples),
      unit: "x",
      detail: `${textOf(pairs.map(({ ours }) => ours))}; ${name} ${textOf(pairs.map(({ other }) => other))}`,
      samples,
    };
    const more: Budget | undefined = budget && { ...budget, better: "more" };
    report(more === undefined ? figure : { ...figure, budget: more });
  });
}

/** Medians of a side's rounds. */
function textOf(rounds: readonly (Measured | undefined)[]): string {
  const middle = (pick: (round: Measured) => number): number =>
    median(rounds.filter((round) => round !== undefined).map(pick));
  const rate = `${Math.round(middle((it) => it.rate)).toLocaleString("en")}/s`;
  const p50 = middle((it) => it.p50 ?? NaN);
  const cpu = middle((it) => Object.values(it.cpu).reduce((sum, us) => sum + us, 0));
  const more = [
    ...(Number.isNaN(p50) ? [] : [`p50 ${p50.toFixed(1)} ms`]),
    ...(cpu > 0 ? [`CPU ${Math.round(cpu)} us per event`] : []),
  ];
  return more.length === 0 ? rate : `${rate} (${more.join(", ")})`;
}
