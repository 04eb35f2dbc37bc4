import { expect, onTestFinished, test } from "vitest";
import type { Line } from "../../../src/shared/messages/checks/line.ts";
import type { SessionJson, StatusJson } from "../../../src/operate/status-json.ts";
import type { StandingJson } from "../../../src/shared/messages/standing/standing-text.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { eventually } from "../../support/eventually.ts";
import { runCommand } from "../../support/command.ts";
import { dataFolder, startUp } from "../../support/up.ts";

/** Operators learn the same everywhere: why a session stands still, since when, how often it was tried, and when it is tried next. */

const SESSION = "ses_sick";

async function setUp() {
  const coordinator = await startCoordinator({ autoCreateSessions: true });
  onTestFinished(() => coordinator[Symbol.asyncDispose]());
  const folder = await dataFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const up = startUp(folder.path, { args: ["--coordinator", coordinator.url], also: ["console"] });
  onTestFinished(async () => void (await up.stop()));
  const ready = await up.ready();
  const cli = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await runCommand([...args, "--data", up.dataDir]);
    if (stdout === "") throw new Error(stderr);
    return stdout;
  };
  const page = async (path: string): Promise<string> => {
    const address = new URL(ready.page ?? "");
    const headers = { authorization: `Bearer ${address.searchParams.get("token") ?? ""}` };
    return (await fetch(new URL(path, address.origin), { headers })).text();
  };
  const send = async (session: string): Promise<void> => {
    const answer = await fetch(`${ready.gateway}/events`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Prefer: "respond-async" },
      body: JSON.stringify({
        session_id: session,
        event_type: "message",
        timestamp: new Date().toISOString(),
        role: "assistant",
        content: [{ type: "text", text: "hello" }],
      }),
    });
    expect(answer.status).toBe(202);
  };
  return { coordinator, cli, page, send };
}

const second = (iso: string | undefined): string => (iso ?? "").slice(0, 19).replace("T", " ");

test("a session whose coordinator answers 500: the same reason, count, since and next try in five places", async () => {
  const { coordinator, cli, page, send } = await setUp();
  coordinator.faults.set([
    {
      path: `/sessions/${SESSION}/events`,
      // the longest wait that a relay believes: nothing changes while five places are read
      action: {
        kind: "status",
        status: 500,
        headers: { "retry-after": "300" },
        body: { detail: "database is locked" },
      },
    },
  ]);
  await send(SESSION);
  await send("ses_well");
  await send(SESSION);
  const inStatus = await eventually(async (): Promise<SessionJson> => {
    const { sessions } = JSON.parse(await cli("status", "--json")) as StatusJson;
    const found = sessions.list.filter(({ session }) => session === SESSION);
    expect(found).toEqual([
      expect.objectContaining({ state: "retrying", events: 2, attempts: 1, reason: expect.any(String) }),
    ]);
    return found[0] as SessionJson;
  });
  const { reason, attempts, since, nextAt } = inStatus;
  expect(reason).toBe("status 500: database is locked");
  expect(Date.parse(nextAt ?? "") - Date.parse(since ?? "")).toBeGreaterThan(290_000);

  const [text, json, doctor, shown] = await Promise.all([
    cli("status"),
    cli("deliveries", "--session", SESSION, "--json"),
    cli("doctor", "--json"),
    page(`/session?id=${SESSION}`),
  ]);
  const sentence = new RegExp(
    `failing since ${second(since)} UTC \\(.*\\), ${attempts} attempt; last answer: ${reason}; next try at ${second(nextAt)} UTC`,
  );
  const onOneLine = (it: string): string => it.replaceAll(/\s+/g, " ");
  expect(onOneLine(text)).toMatch(sentence);
  expect(onOneLine(await cli("deliveries", "--session", SESSION))).toMatch(sentence);
  for (const line of json.trim().split("\n")) {
    const { standing } = JSON.parse(line) as { standing: StandingJson };
    expect({ ...standing, since: second(standing.since), nextAt: second(standing.nextAt) }).toMatchObject({
      reason,
      attempts,
      since: second(since),
      nextAt: second(nextAt),
    });
  }
  const said = (JSON.parse(doctor) as Line[]).find(({ check }) => check === `coordinator session ${SESSION}`);
  expect(said).toMatchObject({
    level: "warn",
    text: expect.stringMatching(sentence),
    todo: expect.any(String),
  });
  const seen = onOneLine(shown.replaceAll(/<[^>]+>/g, " "));
  expect(seen).toMatch(
    new RegExp(
      `Failing since ${second(since)} UTC.* Failed attempts ${attempts} Last answer ${reason} Next try ${second(nextAt)} UTC`,
    ),
  );

  // it need not wait for that: it is tried at once, and the answer is said
  expect(onOneLine(await cli("resume", "--session", SESSION))).toMatch(
    new RegExp(
      `^session ${SESSION} was tried now, but it stands still: failing since ${second(since)} UTC \\(.*\\), 2 attempts; last answer: ${reason}; next try at `,
    ),
  );
  coordinator.faults.clear();
  expect(await cli("resume", "--session", SESSION)).toBe(`session ${SESSION} was tried now; it continues\n`);
  await eventually(() =>
    expect(coordinator.writes(SESSION).filter(({ status }) => status === 201)).toHaveLength(2),
  );
  await expect(cli("resume", "--session", SESSION)).rejects.toThrow(
    /^nothing_found: .* does not wait for a try/,
  );
});
