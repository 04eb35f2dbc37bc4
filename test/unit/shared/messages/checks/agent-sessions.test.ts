import { expect, test } from "vitest";
import { judgeAgentSessions } from "../../../../../src/shared/messages/checks/agent-sessions.ts";
import type { IndexCheck } from "../../../../../src/shared/session-log/report/index-check.ts";
import type { SessionsStatus } from "../../../../../src/shared/session-log/report/sessions-status.ts";
import { brief, failed, read } from "./readings.ts";

type There = Extract<SessionsStatus, { kind: "there" }>;
const there = (of: Partial<There> = {}): There => ({
  kind: "there",
  log: { messages: 0, bytes: 0, maxBytes: 1, firstSeq: 1, lastSeq: 0, created: "", replicas: 1 },
  turns: { running: 0, waiting: 0 },
  questions: 0,
  workers: ["w1"],
  complete: true,
  ...of,
});
const WHOLE: IndexCheck = { sessions: 2, lost: [] };
const INDEX = "ok index of sessions: 2 sessions, as the log has them";
const lost = (n: number): IndexCheck["lost"] =>
  Array.from({ length: n }, (_, i) => ({ user: "ann", id: `s${i}` }));

test.each<[string, SessionsStatus, IndexCheck, string[]]>([
  ["all is well", there(), WHOLE, ["ok workers: w1", "ok turns: 0 running, 0 waiting", INDEX]],
  [
    "a question waits for its user",
    there({ turns: { running: 2, waiting: 1 }, questions: 2 }),
    WHOLE,
    ["ok workers: w1", "ok turns: 2 running, 1 waiting, 2 open questions", INDEX],
  ],
  [
    "nobody is there for a turn",
    there({ turns: { running: 1, waiting: 2 }, workers: [], complete: false }),
    WHOLE,
    ["warn workers: none is running, and at least 3 turns wait for one", INDEX],
  ],
  [
    "an operator paused turns",
    there({ turns: { running: 0, waiting: 1 }, paused: { since: 0, text: "", by: "ann@host" } }),
    WHOLE,
    [
      "ok workers: w1",
      "warn turns: 0 running, 1 waiting; none begins, an operator (ann@host) paused them",
      INDEX,
    ],
  ],
  [
    "nobody is needed",
    there({ workers: [] }),
    WHOLE,
    ["ok workers: none is running, and no turn waits", "ok turns: 0 running, 0 waiting", INDEX],
  ],
  [
    "an index that lacks sessions",
    there(),
    { sessions: 9, lost: lost(5) },
    [
      "ok workers: w1",
      "ok turns: 0 running, 0 waiting",
      "warn index of sessions: differs from the log for 5 sessions: s0 of ann, s1 of ann, s2 of ann, 2 more",
    ],
  ],
  ["no log of sessions, which has a line of its own", { kind: "absent" }, WHOLE, []],
  ["a login that may not look, which has a line of its own", { kind: "denied" }, WHOLE, []],
])("%s", (_, status, index, lines) => {
  expect(brief(judgeAgentSessions(read(status), read(index)))).toEqual(lines);
});

test("what could not be read is said", () => {
  expect(brief(judgeAgentSessions(failed, failed))).toEqual([
    "warn turns: no answer within 3 s",
    "warn index of sessions: no answer within 3 s",
  ]);
});
