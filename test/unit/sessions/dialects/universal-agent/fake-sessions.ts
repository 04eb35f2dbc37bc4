import type { Session } from "../../../../../src/shared/session-log/registry/entry.ts";
import type { Caller } from "../../../../../src/sessions/access/caller.ts";
import type { Sessions } from "../../../../../src/sessions/dialects/universal-agent/sessions.ts";
import type { TurnStanding } from "../../../../../src/sessions/dialects/universal-agent/text-turn.ts";

export const CALLER: Caller = {
  user: "ann",
  scopes: new Set(["read", "user"]),
  open: false,
  ended: new AbortController().signal,
};

export const SESSION: Session = {
  user: "ann",
  id: "s1",
  kind: "worker",
  record: { workspace_dir: "/srv/ann/s1" },
  incarnation: "i",
  name: "n1",
  at: 0,
};

/** Sessions in memory: one turn runs at a time, and its end is the test's to say. */
export type FakeSessions = Sessions & {
  turns: Map<string, TurnStanding>;
  /** What was asked for, in order. */
  asked: string[];
  end(turn: string, outcome: string, at: number): void;
};

export function fakeSessions(change: Partial<Sessions> = {}): FakeSessions {
  const turns = new Map<string, TurnStanding>();
  const asked: string[] = [];
  const open = (): string | undefined => [...turns].find(([, { kind }]) => kind === "open")?.[0];
  return {
    turns,
    asked,
    end: (turn, outcome, at) => void turns.set(turn, { kind: "ended", outcome, at }),
    make: async () => SESSION,
    find: async () => SESSION,
    list: async () => [SESSION],
    running: async () => new Set(),
    remove: async () => ({ kind: "removed" }),
    async begin(_caller, _session, turn) {
      if (turns.has(turn)) return { kind: "repeated" };
      if (open() !== undefined) return { kind: "busy" };
      turns.set(turn, { kind: "open" });
      asked.push(`begin ${turn}`);
      return { kind: "begun" };
    },
    standing: async (_caller, _session, turn) => turns.get(turn) ?? { kind: "unknown" },
    active: async () => ({ turn: open() }),
    async cancel(_caller, _session, turn, reason) {
      asked.push(`cancel ${turn}: ${reason}`);
      return { kind: "asked" };
    },
    async decide(_caller, _session, request, { allow, message }) {
      if (request !== "question") return { kind: "unknown" };
      asked.push(`decide ${allow}${message === undefined ? "" : `: ${message}`}`);
      return { kind: "decided" };
    },
    async input(_caller, _session, { input_id, response }) {
      asked.push(`input ${input_id}: ${response}`);
      return { kind: "stored" };
    },
    ...change,
  };
}
