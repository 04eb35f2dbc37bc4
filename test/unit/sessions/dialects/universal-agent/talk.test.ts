import { describe, expect, test } from "vitest";
import type { Command } from "../../../../../src/sessions/dialects/universal-agent/command.ts";
import type { Frame } from "../../../../../src/sessions/dialects/universal-agent/frame.ts";
import { createTalk } from "../../../../../src/sessions/dialects/universal-agent/talk.ts";
import { createTeller } from "../../../../../src/sessions/dialects/universal-agent/tell.ts";
import { REPEAT_MS } from "../../../../../src/sessions/dialects/universal-agent/text-turn.ts";
import { refuse } from "../../../../../src/sessions/access/caller.ts";
import { CALLER, fakeSessions, SESSION, type FakeSessions } from "./fake-sessions.ts";

type Room = {
  sessions: FakeSessions;
  /** Has a command carried out. Returns the types of the frames, a status with its name. */
  talk: (command: Command) => Promise<string[]>;
  waiting: () => string | undefined;
  pass: (ms: number) => void;
  /** The client is told of everything, and this turn runs. */
  sees: (turn: string) => void;
};

function room(change: Partial<FakeSessions> = {}, textDedupe = false): Room {
  const sessions = fakeSessions(change);
  const sent: Frame[] = [];
  let at = 0;
  let ids = 0;
  const deps = { sessions, textDedupe, turnId: () => `turn_${++ids}`, now: () => at };
  const teller = createTeller(() => at);
  const begin = async (start: unknown): Promise<void> =>
    void sessions.asked.push(`from ${JSON.stringify(start)}`);
  const talk = createTalk(deps, {
    caller: CALLER,
    place: { session: SESSION, teller, begin },
    say: async (frame) => void sent.push(frame),
  });
  return {
    sessions,
    waiting: teller.waiting,
    pass: (ms) => void (at += ms),
    sees(turn) {
      teller.begin(turn);
      teller.frames({ kind: "caught_up", log: "l", last: 0 });
    },
    async talk(command) {
      await talk(command);
      return sent
        .splice(0)
        .map(({ type, data }) => (type === "status" ? `status ${String(data["status"])}` : type));
    },
  };
}

function execute(user_input: string, turn?: string): Command {
  return { kind: "execute", turn, request: { user_input, force_complex: false, metadata: {} } };
}

describe("a turn", () => {
  test("is asked for without a word, and the socket waits for its end", async () => {
    const { talk, sessions, waiting } = room();
    expect(await talk(execute("List files"))).toEqual([]);
    expect(sessions.asked).toEqual(["begin turn_1"]);
    expect(waiting()).toBe("turn_1");
  });

  test("while another one runs is refused, with an error", async () => {
    const { talk, waiting } = room();
    await talk(execute("slow", "A"));
    expect(await talk(execute("other", "B"))).toEqual([
      "status turn_rejected_busy",
      "error",
      "query_complete",
    ]);
    expect(waiting()).toBe("A");
  });

  test("with the same id runs once: while it runs, and when it is done", async () => {
    const { talk, sessions } = room();
    await talk(execute("run", "A"));
    expect(await talk(execute("retry", "A"))).toEqual(["status turn_in_progress", "query_complete"]);
    sessions.end("A", "finished", 0);
    expect(await talk(execute("retry", "A"))).toEqual(["status duplicate_turn_ignored", "query_complete"]);
    expect(sessions.asked).toEqual(["begin A"]);
  });

  test("is refused at once while the client sees another one run", async () => {
    const { talk, sessions, sees } = room();
    sees("A");
    expect(await talk(execute("other", "B"))).toEqual([
      "status turn_rejected_busy",
      "error",
      "query_complete",
    ]);
    expect(await talk(execute("retry", "A"))).toEqual(["status turn_in_progress", "query_complete"]);
    expect(sessions.asked).toEqual([]);
  });

  test("that cannot be stored is an error", async () => {
    const { talk, waiting } = room({ begin: async () => refuse("sessions_full", "no room") });
    expect(await talk(execute("run"))).toEqual(["error", "query_complete"]);
    expect(waiting()).toBeUndefined();
  });
});

describe("the same text without an id", () => {
  test("is a new turn each time", async () => {
    const { talk, sessions } = room();
    for (const turn of ["turn_1", "turn_2"]) {
      expect(await talk(execute("continue"))).toEqual([]);
      sessions.end(turn, "finished", 0);
    }
  });

  test("with RUNNER_RELAY_TEXT_DEDUPE runs once in two minutes, and again after a failure", async () => {
    const { talk, sessions, pass } = room({}, true);
    const turnOf = (): string => sessions.asked.at(-1)?.split(" ")[1] ?? "";
    await talk(execute("continue"));
    const first = turnOf();
    expect(await talk(execute("continue"))).toEqual(["status turn_in_progress", "query_complete"]);
    sessions.end(first, "finished", 0);
    pass(REPEAT_MS);
    expect(await talk(execute("continue"))).toEqual(["status duplicate_turn_ignored", "query_complete"]);
    expect(await talk(execute("yes"))).toEqual([]);
    sessions.end(turnOf(), "failed", REPEAT_MS);
    expect(await talk(execute("yes"))).toEqual([]);
    sessions.end(turnOf(), "finished", REPEAT_MS);
    pass(1);
    expect(await talk(execute("continue"))).toEqual([]);
    expect(turnOf()).not.toBe(first);
  });

  test("is refused if it is not known whether it is a repeat", async () => {
    const { talk } = room({ standing: async () => refuse("log_unreachable", "away") }, true);
    expect(await talk(execute("continue"))).toEqual(["error", "query_complete"]);
  });
});

describe("cancel", () => {
  test("asks that what runs ends, with its reason", async () => {
    const { talk, sessions } = room();
    await talk(execute("slow", "A"));
    expect(await talk({ kind: "cancel", reason: "stop it" })).toEqual([]);
    expect(sessions.asked.at(-1)).toBe("cancel A: stop it");
  });

  test("with nothing to cancel says that it is", async () => {
    expect(await room().talk({ kind: "cancel", reason: "stop it" })).toEqual(["cancelled"]);
  });
});

describe("ASK-1: answers", () => {
  test.each([
    ["Allow", "decide true"],
    ["yes", "decide true"],
    ["", "decide false"],
    ["No", "decide false: No"],
    ["yes, but only this file", "decide false: yes, but only this file"],
  ])("%j to a question for leave", async (response, decision) => {
    const { talk, sessions } = room();
    await talk({ kind: "answer", input: "question", response });
    expect(sessions.asked).toEqual([decision]);
  });

  test("to other questions go to the agent", async () => {
    const { talk, sessions } = room();
    await talk({ kind: "answer", input: "i1", response: "Allow" });
    expect(sessions.asked).toEqual(["input i1: Allow"]);
  });

  test("by approval", async () => {
    const { talk, sessions } = room();
    await talk({ kind: "approval", request: "question", allow: true });
    expect(sessions.asked).toEqual(["decide true"]);
    expect(await talk({ kind: "approval", request: "other", allow: true })).toEqual(["status refused"]);
  });

  test("that come too late are a status, for clients stop to read at an error", async () => {
    const { talk } = room({ decide: async () => refuse("question_closed", "answered") });
    expect(await talk({ kind: "answer", input: "question", response: "Allow" })).toEqual(["status refused"]);
  });
});

test("what else a client sends", async () => {
  const { talk, sessions } = room();
  expect(await talk({ kind: "ping" })).toEqual(["pong"]);
  expect(await talk({ kind: "resume", after: { seq: 12 } })).toEqual([]);
  expect(sessions.asked).toEqual(['from {"seq":12}']);
  expect(await talk({ kind: "wrong", message: "Invalid JSON", ends: false })).toEqual(["error"]);
  expect(await talk({ kind: "wrong", message: "Empty user_input", ends: true })).toEqual([
    "error",
    "query_complete",
  ]);
});
