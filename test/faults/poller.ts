import { setTimeout as delay } from "node:timers/promises";

/** Longer than a coordinator holds a poll. */
const POLL_LIMIT_MS = 35_000;

/** Polls as a runner does, and never dies of what fails. */
export type Poller = {
  answered(): number;
  /** How many polls failed in a row at the worst. */
  worst(): number;
  failures(): number;
  reasons(): string;
  stop(): Promise<void>;
};

/** Registers a runner at a gateway, and polls for it. */
export async function startPoller(url: string): Promise<Poller> {
  const stopping = new AbortController();
  const reasons = new Map<string, number>();
  let [worst, row, answered] = [0, 0, 0];
  const registered = await fetch(`${url}/runner/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ hostname: "host-1", project_dir: "/p", executor_profile: "coding" }),
  });
  const { runner_id: runner } = (await registered.json()) as { runner_id: string };
  async function poll(): Promise<string | undefined> {
    try {
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(POLL_LIMIT_MS)]);
      const answer = await fetch(`${url}/runner/runs?runner_id=${runner}`, { signal });
      const text = await answer.text();
      return answer.ok ? undefined : `${answer.status} ${/"code":"(\w+)"/.exec(text)?.[1] ?? text}`;
    } catch (error) {
      const { cause } = error as { cause?: { code?: string } };
      return cause?.code ?? String(error);
    }
  }
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const failure = await poll();
      if (stopping.signal.aborted) return;
      row = failure === undefined ? 0 : row + 1;
      worst = Math.max(worst, row);
      if (failure === undefined) {
        answered++;
        continue;
      }
      reasons.set(failure, (reasons.get(failure) ?? 0) + 1);
      await delay(row * 1000, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }
  const running = run();
  return {
    answered: () => answered,
    worst: () => worst,
    failures: () => [...reasons.values()].reduce((sum, n) => sum + n, 0),
    reasons: () => [...reasons].map(([why, n]) => `${n} ${why}`).join(", ") || "none",
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
