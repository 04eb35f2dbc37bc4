import {
  isNotice,
  openSessions,
  type SessionEvent,
  type SessionRef,
  type Sessions,
} from "../../src/client/sessions/index.ts";
import { startCuttingProxy } from "../support/cutting-proxy.ts";
import { seededRandom } from "./random.ts";

export type CutsOptions = {
  seed: number;
  /** Connections that are broken. */
  cuts: number;
  /** Bytes that a connection carries before, in the mean. */
  meanBytes: number;
  /** Events of the agent in a turn. */
  events: number;
};

export type CutsFound = {
  cuts: number;
  turns: number;
  events: number;
  /** What a consumer should have had and did not, or had twice or out of order. */
  wrong: string[];
};

/** A sessions server whose agent counts. */
export type CutsTarget = { url: string; key: string; agent: { asked: readonly string[] } };

/**
 * Runs turns through a proxy that breaks connections, until it has broken enough of them, and compares what the client yielded with the log as it is read without the proxy. No
 * turn may run twice.
 */
export async function runCuts({ url, key, agent }: CutsTarget, options: CutsOptions): Promise<CutsFound> {
  const { seed, cuts, meanBytes } = options;
  const random = seededRandom(seed).next;
  await using direct = openSessions({ url, key });
  const session = await direct.createSession();
  await using proxy = await startCuttingProxy(url, { random, meanBytes, most: cuts });
  await using client = openSessions({ url: proxy.url, key, random });
  const prompts: string[] = [];
  const yielded: Turns = new Map();
  const wrong: string[] = [];
  while (proxy.cuts() < cuts) {
    const prompt = `turn ${prompts.length}`;
    prompts.push(prompt);
    const seen: SessionEvent[] = [];
    for await (const item of client.execute(session, prompt))
      if (isNotice(item)) wrong.push(`${prompt}: ${item.type}`);
      else seen.push(item);
    yielded.set(seen[0]?.turn_id ?? prompt, seen);
  }
  const stored = await storedTurns(direct, session);
  if (JSON.stringify(agent.asked) !== JSON.stringify(prompts))
    wrong.push(`${prompts.length} turns were asked for, ${agent.asked.length} were run`);
  wrong.push(...compared(stored, yielded, options.events));
  const events = [...stored.values()].reduce((sum, list) => sum + list.length, 0);
  return { cuts: proxy.cuts(), turns: prompts.length, events, wrong };
}

type Turns = Map<string, readonly SessionEvent[]>;

/** What the worker said in each turn, as the log has it. */
async function storedTurns(client: Sessions, session: SessionRef): Promise<Turns> {
  const stored: Turns = new Map();
  for await (const item of client.watch(session)) {
    if (item.type === "caught_up") break;
    if (isNotice(item) || item.source !== "worker" || item.turn_id === undefined) continue;
    stored.set(item.turn_id, [...(stored.get(item.turn_id) ?? []), item]);
  }
  return stored;
}

/** How turns differ from the log, or from what the agent counted. Pure. */
function compared(stored: Turns, yielded: Turns, events: number): string[] {
  const places = (list: readonly SessionEvent[] = []): string => list.map(({ seq }) => seq).join(" ");
  const all = new Set([...stored.keys(), ...yielded.keys()]);
  return [...all].flatMap((turn) => {
    const [expected, seen] = [places(stored.get(turn)), places(yielded.get(turn))];
    const numbers =
      yielded.get(turn)?.flatMap(({ type, data }) => (type === "tool_result" ? [data["i"]] : [])) ?? [];
    // a worker that got no processor time for seconds loses its lease, and the next one says so
    const outcome = stored.get(turn)?.at(-1)?.data["outcome"];
    const whole = numbers.length === events || outcome === "interrupted";
    const counted = whole && numbers.every((n, at) => n === at);
    return [
      ...(seen === expected ? [] : [`${turn}: ${seen} instead of ${expected}`]),
      ...(counted ? [] : [`${turn}, ${String(outcome)}: the agent's events are ${numbers.join(" ")}`]),
    ];
  });
}
