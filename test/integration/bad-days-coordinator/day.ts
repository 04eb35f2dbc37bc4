import { jetstreamManager } from "@nats-io/jetstream";
import { expect } from "vitest";
import { deadLetters, type DeadLetter } from "../../../src/shared/log/state/dead-letters.ts";
import { systemClock, type Clock } from "../../../src/shared/base/clock.ts";
import { ATTEMPT_TIMEOUT_MS } from "../../../src/shared/credentials/schedule.ts";
import type { RelayState } from "../../../src/shared/messages/relay-state.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startCoordinator, type LedgerEntry, type TestCoordinator } from "../../support/coordinator.ts";
import {
  createAppender,
  provisioned,
  startTestRelay,
  watchStates,
  type TestRelay,
  type TestRelayOptions,
} from "../../support/relay.ts";
import { eventually } from "../../support/eventually.ts";

/** An attempt to deliver, as the tests' relays have it, and an attempt to get a token: these have their whole time, because a loaded machine needs it. */
const ATTEMPTS: readonly number[] = [30_000, ATTEMPT_TIMEOUT_MS];

/** Waits above 3 s (probes of a pause, back-off of credentials) pass twenty times faster; what is shorter is timed against the broker. */
const impatient: Clock = {
  ...systemClock,
  after: (ms, fn) => systemClock.after(ms > 3000 && !ATTEMPTS.includes(ms) ? ms / 20 : ms, fn),
};

/** One line of the relay's log. */
type Line = { level: number; msg: string; code?: string; reason?: string; [field: string]: unknown };

/** A log, a coordinator, and relays between them. */
export type Day = {
  broker: TestBroker;
  coordinator: TestCoordinator;
  /** Log lines of all relays of the day. */
  lines: Line[];
  /** Starts a relay; closed with the day. */
  relay(options?: TestRelayOptions & { url?: string }): Promise<TestRelay>;
  append(
    ...args: Parameters<ReturnType<typeof createAppender>["append"]>
  ): Promise<{ id: string; seq: number }>;
  /** What gateways hear of the relay. */
  told(): RelayState["coordinator"] | undefined;
  /** Keys of a session in the order in which the coordinator carried them out first; a time-out may bring one again (ONCE-1). */
  applied(session: string): (string | undefined)[];
  dead(): Promise<DeadLetter[]>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** `await using day = await startDay()`. The coordinator creates sessions as they come unless `options` say otherwise. */
export async function startDay(options: Parameters<typeof startCoordinator>[0] = {}): Promise<Day> {
  await using scope = new AsyncDisposableStack();
  const broker = scope.use(await provisioned(await startTestBroker({ sync: false })));
  const coordinator = scope.use(await startCoordinator({ autoCreateSessions: true, ...options }));
  const gateway = await broker.connect("gateway");
  const appender = createAppender(gateway);
  const states = watchStates(gateway);
  const jsm = await jetstreamManager(await broker.connect("operator"), { checkAPI: false });
  const lines: Line[] = [];
  const kept = scope.move();
  return {
    broker,
    coordinator,
    lines,
    async relay({ url = coordinator.url, ...more } = {}) {
      const onLine = (line: string): void => void lines.push(JSON.parse(line) as Line);
      return kept.use(await startTestRelay(broker, url, { clock: impatient, onLine, ...more }));
    },
    append: (...args) => appender.append(...args),
    told: () => states.get("relay-a")?.coordinator,
    applied(session) {
      const entries = coordinator.writes(session).filter((entry) => entry.applied);
      return [...new Set(entries.map((entry) => entry.key))];
    },
    dead: () => Array.fromAsync(deadLetters(jsm)),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Appends `count` events to each of `sessions` in turn; ids by session. */
export async function appendTo(
  day: Pick<Day, "append">,
  sessions: readonly string[],
  count: number,
): Promise<Map<string, string[]>> {
  const ids = new Map<string, string[]>(sessions.map((session) => [session, []]));
  for (let i = 0; i < count; i++)
    await Promise.all(sessions.map(async (s) => ids.get(s)?.push((await day.append(s)).id)));
  return ids;
}

/** Everything of `ids` was carried out, in its order, and nothing became a dead letter. */
export async function expectAllDelivered(day: Day, ids: Map<string, string[]>): Promise<void> {
  for (const [session, sent] of ids) await eventually(() => expect(day.applied(session)).toEqual(sent));
  expect(day.coordinator.summary()).toMatchObject({ inverted: 0, stale: 0 });
  expect(await day.dead()).toEqual([]);
}

/** Waits until gateways hear that the relay is paused or away for this reason, and finds the reason in the relay's log. */
export async function expectTold(day: Day, state: "away" | "paused", reason: string): Promise<void> {
  await eventually(() => expect(day.told()).toMatchObject({ state, reason }));
  await eventually(() => expect(day.lines.map((line) => line.code)).toContain(reason));
}

/** Attempts of one event, in the order of their arrival. */
export function attemptsOf(day: Day, id: string): LedgerEntry[] {
  return day.coordinator.writes().filter((entry) => entry.key === id);
}

/** `ses_0`, `ses_1` … */
export function sessionsOf(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `ses_${i}`);
}
