import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { findExecutable } from "../../../src/embedded/command.ts";
import type { BrokerRole } from "../../../src/shared/messages/permissions.ts";
import type { StatusJson } from "../../../src/operate/status-json.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { createAppender, provisioned, startTestRelay } from "../../support/relay.ts";
import { runCli, type Finished } from "../../support/up.ts";
import { eventually } from "../../support/eventually.ts";

const run = promisify(execFile);
/**
 * The log first: what leaves its consumers meanwhile, for a dead letter or a held session, is then in what is backed up later. The other
 * way round it would be in neither.
 */
const STREAMS = ["RR_EVENTS", "RR_DEAD", "KV_RR_STATE"];

function login(broker: TestBroker, role: BrokerRole): { url: string; user: string; password: string } {
  const { user = "", password = "" } = broker.access(role);
  return { url: broker.url, user, password };
}

function cli(broker: TestBroker, role: BrokerRole, args: string[]): Promise<Finished> {
  const { url, user, password } = login(broker, role);
  return runCli(args, { env: { NATS_URL: url, NATS_USER: user, NATS_PASSWORD: password } });
}

test("SETTLE-1, ONCE-1: backed up, lost and restored with the `nats` CLI, nothing is lost and repeats carry their keys", async ({
  annotate,
}) => {
  const nats = findExecutable(
    "nats",
    [process.env["PATH"], join(homedir(), "go/bin"), join(homedir(), ".cache/runner-relay")].join(delimiter),
  );
  if (nats === undefined) return void (await annotate("not run: no `nats` CLI here", "notice"));
  const folder = await mkdtemp(join(tmpdir(), "rr-backup-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const asAdmin = (broker: TestBroker, ...args: string[]): Promise<unknown> => {
    const { url, user, password } = login(broker, "admin");
    const env = { NATS_URL: url, NATS_USER: user, NATS_PASSWORD: password, HOME: folder };
    return run(nats, ["--inbox-prefix", "_INBOX_ad", ...args], { env });
  };
  await using coordinator = await startCoordinator();
  for (const session of ["s1", "parked"]) coordinator.createSession(session);
  coordinator.faults.set([
    { body: "poison", action: { kind: "status", status: 422, body: { detail: "no" } } },
  ]);

  await using lost = await provisioned(await startTestBroker());
  const relay = await startTestRelay(lost, coordinator.url, { poisonPolicy: "park" });
  const { append } = createAppender(await lost.connect("gateway"));
  const sent: string[] = [];
  const send = async (session: string, count: number, body = {}): Promise<void> => {
    for (let i = 0; i < count; i++) sent.push((await append(session, body)).id);
  };
  await send("s1", 3);
  await send("parked", 1, { marker: "poison" });
  await send("s1", 3);
  await eventually(() => expect(coordinator.writes("s1")).toHaveLength(6));
  await eventually(async () => expect((await relay.get("/status")).text).toContain('"reason":"parked"'));
  await coordinator.stop();
  await send("s1", 2); // wait in the outage
  for (const stream of STREAMS)
    await asAdmin(lost, "stream", "backup", stream, join(folder, stream), "--no-progress");
  await relay.close();

  await using found = await startTestBroker(); // everything of the other one is gone
  for (const stream of STREAMS)
    await asAdmin(found, "stream", "restore", join(folder, stream), "--no-progress");
  await coordinator.start();
  coordinator.faults.clear();
  const early = startTestRelay(found, coordinator.url);
  await expect(early).rejects.toMatchObject({ code: "checkpoint_mismatch" });
  const refused = await cli(found, "admin", ["provision"]);
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("checkpoint_mismatch") as string,
  });

  const status = JSON.parse((await cli(found, "operator", ["status", "--json"])).stdout) as StatusJson;
  const from = String(status.backlog.firstNeeded ?? "new");
  expect(from, "the parked session's event, settled or not behind it").toBe("4");
  expect(await cli(found, "admin", ["provision", "--from", from])).toMatchObject({ code: 0 });

  await using again = await startTestRelay(found, coordinator.url, { poisonPolicy: "park" });
  const delivered = (session: string): string[] =>
    coordinator
      .writes(session)
      .filter(({ applied }) => applied)
      .map(({ key }) => key ?? "");
  await eventually(() => expect(new Set(delivered("s1")).size).toBe(8));
  expect((await again.get("/status")).text, "what was parked stays so").toContain('"reason":"parked"');
  const keys = delivered("s1");
  expect(keys.slice(0, 6)).toEqual(sent.filter((_, i) => i !== 3).slice(0, 6));
  expect(keys.slice(6), "behind the start everything comes again, in order and with its key").toEqual(
    sent.slice(4),
  );
  expect((await cli(found, "operator", ["resume", "--session", "parked"])).code).toBe(0);
  await eventually(() => expect(delivered("parked")).toEqual([sent[3]]));
  expect(again.fatal).toEqual([]);
});
