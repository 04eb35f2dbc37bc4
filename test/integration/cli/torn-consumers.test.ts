import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startCoordinator } from "../../support/coordinator.ts";
import { dataFolder, startUp } from "../../support/up.ts";
import { call } from "../gateway/harness.ts";
import { eventually } from "../../support/eventually.ts";

const CONSUMERS = "broker/store/jetstream/$G/streams/RR_EVENTS/obs";

function half(file: string): void {
  truncateSync(file, statSync(file).size >> 1);
}

/** What befalls the consumers, in their order. */
const DAMAGES: ((folder: string) => void)[] = [
  (folder) => half(join(folder, "o.dat")),
  (folder) => truncateSync(join(folder, "o.dat"), 0),
  (folder) => writeFileSync(join(folder, "o.dat"), "garbage".repeat(9)),
  (folder) => writeFileSync(join(folder, "o.dat"), Buffer.alloc(49)),
  (folder) => half(join(folder, "meta.inf")),
  (folder) => truncateSync(join(folder, "meta.sum"), 0),
  (folder) => writeFileSync(join(folder, "meta.inf"), "garbage"),
  (folder) => {
    rmSync(join(folder, "o.dat"));
    mkdirSync(join(folder, "o.dat"));
  },
];

/** Changes the text of what a consumer is, as a flipped bit does; the broker reads it without looking at its checksum. */
function rewrite(text: string, by: string): (folder: string) => void {
  return (folder) => {
    const file = join(folder, "meta.inf");
    const before = readFileSync(file, "utf8");
    expect(before).toContain(text);
    writeFileSync(file, before.replace(text, by));
  };
}

/** What befalls them under a running broker that is then killed; it writes their states again and again. The first three keep the whole log shut, or deliver other events. */
const DAMAGES_UNDER_WAY: ((folder: string) => void)[] = [
  rewrite('"ack_policy"', '"ack_polici"'),
  rewrite('"rr.*.1.', '"rr.*.9.'),
  rewrite('"max_deliver":-1', '"max_deliver":1 '),
  (folder) => writeFileSync(join(folder, "meta.inf"), ""),
  (folder) => rmSync(join(folder, "meta.inf")),
  (folder) => writeFileSync(join(folder, "meta.sum"), "0123456789abcdef"),
  (folder) => half(join(folder, "meta.inf")),
  (folder) => rmSync(folder, { recursive: true }),
];

test("SETTLE-1, ONCE-1: torn consumers are made anew at the next start, of `up` or of its broker: what waited is delivered, what was is not again", async () => {
  await using folder = await dataFolder();
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  const args = ["--coordinator", coordinator.url, "--port", "0"];
  const first = startUp(folder.path, { args });
  let { gateway } = await first.ready();
  /** Sessions of every shard. */
  const send = async (): Promise<string[]> => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => {
        const body = { session_id: `s${i}`, event_type: "message", timestamp: "t" };
        return call(gateway, "POST", "/events", body, { prefer: "respond-async" });
      }),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    return answers.map(({ json }) => String(json["event_id"]));
  };
  const applied = (): (string | undefined)[] =>
    coordinator
      .writes()
      .filter((entry) => entry.applied)
      .map(({ key }) => key);
  const delivered = await send();
  await eventually(() => expect(new Set(applied())).toEqual(new Set(delivered)));
  coordinator.faults.set([{ method: "POST", action: { kind: "status", status: 503 } }]);
  const waiting = await send();
  expect((await first.stop()).code).toBe(0);

  const consumers = join(folder.path, "data", CONSUMERS);
  const names = readdirSync(consumers).toSorted();
  expect(names).toHaveLength(DAMAGES.length);
  for (const [i, name] of names.entries()) DAMAGES[i]?.(join(consumers, name));

  coordinator.faults.clear();
  const second = startUp(folder.path, { args });
  ({ gateway } = await second.ready());
  await eventually(() => expect(new Set(applied())).toEqual(new Set([...delivered, ...waiting])));
  expect(applied()).toHaveLength(80);
  const damaged = (): number => second.output.stderr.split('"code":"consumer_damaged"').length - 1;
  expect(damaged(), "all but the one whose state is empty").toBe(DAMAGES.length - 1);

  coordinator.faults.set([{ method: "POST", action: { kind: "status", status: 503 } }]);
  const more = await send();
  const before = damaged();
  for (const [i, name] of names.entries()) DAMAGES_UNDER_WAY[i]?.(join(consumers, name));
  process.kill(Number(readFileSync(join(folder.path, "data/broker/run/nats-server.pid"), "utf8")), "SIGKILL");
  coordinator.faults.clear();
  await eventually(() => expect(new Set(applied())).toEqual(new Set([...delivered, ...waiting, ...more])));
  expect(damaged() - before, "all but the one whose folder is gone").toBe(DAMAGES_UNDER_WAY.length - 1);
  expect((await second.stop()).code).toBe(0);
}, 240_000);
