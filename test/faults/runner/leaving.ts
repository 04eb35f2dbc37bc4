import { setTimeout as delay } from "node:timers/promises";
import type { TestCoordinator } from "../../support/coordinator.ts";
import { startScriptedRunner } from "../../support/scripted-runner.ts";
import { startProcesses } from "../processes.ts";
import { IDENTITY, startCrew, until } from "./crew.ts";
import { coordinatorOf, type Play } from "./play.ts";
import { storyOf } from "./verdict.ts";

/** A session goes on within this after the coordinator's return. */
const GOES_ON_MS = 60_000;
const KNOWN_MS = 2500;
const ENDED = ["stopped", "failed", "finished"];
/** What somebody else writes to the session after its runner left. */
const LATE = "late";

/** A runner is stopped in an outage, with an agent at work: its report and its leave must reach the coordinator, or block nothing. */
export async function leftInOutage(play: Play & { awayMs: number; forgetRunners: boolean }): Promise<void> {
  const { name, report } = play;
  await using coordinator = await coordinatorOf(play);
  await using processes = await startProcesses(coordinator.url, { env: IDENTITY, dir: play.dir });
  await using crew = await startCrew(coordinator, processes.gateway.url());
  const [job] = await crew.give(1);
  if (job === undefined) return;
  const { sessionId, runId } = job;
  const status = (): string => coordinator.state.sessions.get(sessionId)?.status ?? "";
  await until(() => status() === "running", KNOWN_MS);
  await coordinator.stop();
  await delay(KNOWN_MS);
  await crew.runner.stop();
  report.check(
    `${name}: the report of its stop is accepted`,
    crew.runner.lostReports.length === 0,
    crew.runner.lostReports.join("; ") || "yes",
  );
  const late = await fetch(`${processes.gateway.url()}/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ session_id: sessionId, event_type: "message", timestamp: LATE }),
  });
  await delay(play.awayMs);

  await coordinator.start({ forgetRunners: play.forgetRunners });
  const since = Date.now();
  const story = (): string[] => storyOf(coordinator.writes(sessionId));
  const goesOn = await until(() => story().includes(LATE), GOES_ON_MS);
  report.check(
    `${name}: its session goes on`,
    goesOn,
    `${Date.now() - since} ms after the return (its event: ${late.status})`,
  );
  const ended = await until(() => ENDED.includes(status()), GOES_ON_MS - (Date.now() - since));
  report.check(`${name}: its session ended`, ended, `${status()} after ${Date.now() - since} ms`);
  const sent = crew.agents.get(sessionId)?.sent ?? [];
  const heard = story().filter((step) => sent.includes(step));
  report.check(
    `${name}: events in order, none lost (ORDER-1)`,
    heard.join() === sent.join(),
    `${heard.length} of ${sent.length}`,
  );
  report.note(`${name}: its run`, coordinator.state.runs.get(runId)?.status ?? "unknown");
  await nextRunner(play, coordinator, processes.gateway.url());
}

/** The same runner, started again, is taken back at once and gets work. */
async function nextRunner({ name, report }: Play, coordinator: TestCoordinator, url: string): Promise<void> {
  const gone = await until(() => coordinator.state.runners.list().length === 0, GOES_ON_MS);
  report.check(`${name}: it is not registered any more`, gone, gone ? "it is not" : "it still is");
  try {
    await using next = await startScriptedRunner(url);
    const { runId } = coordinator.createSession();
    const given = await until(() => next.runs.some(([run]) => run === runId), GOES_ON_MS);
    report.check(`${name}: a new one gets work`, given, given ? "yes" : "no");
  } catch (error) {
    report.check(`${name}: a new one gets work`, false, String(error));
  }
}
