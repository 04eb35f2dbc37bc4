import type { TestBroker } from "../../test/support/broker.ts";
import { runAsOperator } from "../command.ts";
import type { Figure } from "../figure.ts";
import { fillLog } from "../fill.ts";
import { startPeer, type Peer } from "../peer.ts";
import type { Count, Counted } from "../peers/sink.ts";
import { startLog, startRelay } from "../product.ts";
import type { Lab, Row } from "../row.ts";
import { peakBytes, residentBytes } from "../usage.ts";

const MIB = 1024 * 1024;
const EVENTS = [100_000, 1_000_000];
const SESSIONS = [1, 100, 100_000];
/** Events before the clock starts, and when it stops; the rest stays in the log. */
const WARM = 20_000;
const UNTIL = 90_000;

type Size = { events: number; sessions: number };

/** What a restart and an operator meet when very much waits. With `--quick` a tenth of everything. */
export const scale: Row = {
  name: "scale",
  long: true,
  async run(lab) {
    await using sink = await startPeer<Count, Counted>("sink");
    const part = lab.quick ? 10 : 1;
    for (const events of EVENTS)
      for (const sessions of SESSIONS)
        await measure(lab, sink, {
          events: events / part,
          sessions: Math.ceil(sessions / part),
        });
  },
};

async function measure(lab: Lab, sink: Peer<Count, Counted>, size: Size): Promise<void> {
  const { events, sessions } = size;
  // Filled without a sync per write, as for all drains: reading needs none.
  await using broker = await startLog(false);
  await fillLog(await broker.connect("gateway"), { events, sessions, prefix: "scale" });
  const commands = await largestCommand(broker, size);
  const began = performance.now();
  await broker.restart();
  const restartMs = performance.now() - began;

  const [total, warm] = [Math.min(UNTIL, events * 0.9), Math.min(WARM, events / 5)];
  const counted = sink.ask({ total, warm, delayMs: 0 });
  await using relay = await startRelay(broker, sink.url, lab.profile);
  const { events: seen, ms, firstMs } = await counted;

  const report = reporter(lab, size);
  report({ what: "drain rate", plot: "scale-rate", value: (seen * 1000) / ms, unit: "/s" });
  report({
    what: "relay, peak memory",
    plot: "scale-relay",
    value: ((await peakBytes(relay.pid)) ?? NaN) / MIB,
    unit: "MB",
    budget: { bound: 150, stretch: 130, better: "less" },
  });
  const brokerBytes = (await residentBytes(broker.pid())) ?? NaN;
  report({ what: "broker, memory", plot: "scale-broker", value: brokerBytes / MIB, unit: "MB" });
  const start = { what: "start of a relay to its first event", plot: "scale-start", unit: "ms" } as const;
  report({ ...start, value: firstMs, detail: `restart of the broker before it ${Math.round(restartMs)} ms` });
  report({ what: "largest memory of a command", plot: "scale-commands", ...commands, unit: "MB" });
}

/** Commands that read the log or the state of all sessions, while no relay runs. */
async function largestCommand(
  broker: TestBroker,
  { sessions }: Size,
): Promise<{ value: number; detail: string }> {
  const all = [
    ["status", "--json"],
    ["deliveries", "--session", `scale-${sessions - 1}`, "--last", "100", "--json"],
    ["replay", "--from-seq", "1", "--dry-run", "--json"],
  ];
  const memory: number[] = [];
  const texts: string[] = [];
  for (const args of all) {
    const { bytes, ms, code } = await runAsOperator(broker, args);
    if (code !== 0) throw new Error(`runner-relay ${args.join(" ")} ended with ${code}`);
    memory.push(bytes / MIB);
    texts.push(`${args[0]} ${Math.round(bytes / MIB)} MB in ${(ms / 1000).toFixed(1)} s`);
  }
  return { value: Math.max(...memory), detail: texts.join(", ") };
}

type Part = Pick<Figure, "what" | "value" | "unit" | "budget"> & { plot: string; detail?: string };

function reporter({ report }: Lab, { events, sessions }: Size): (part: Part) => void {
  const [many, of] = [events, sessions].map((it) => it.toLocaleString("en"));
  const series = sessions === 1 ? "one session" : `${of} sessions`;
  return ({ what, plot, detail = "", ...figure }) =>
    report({
      ...figure,
      row: "scale",
      what: `${many} events of ${series}: ${what}`,
      detail,
      samples: [figure.value],
      point: { plot, series, x: events },
    });
}
