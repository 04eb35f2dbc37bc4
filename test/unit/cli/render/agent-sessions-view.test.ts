import { expect, test } from "vitest";
import { agentSessionsOf } from "../../../../src/cli/render/agent-sessions-view.ts";
import { PLAIN } from "../../../../src/cli/render/screen.ts";
import type { SessionsStatus } from "../../../../src/shared/session-log/report/sessions-status.ts";

type There = Extract<SessionsStatus, { kind: "there" }>;
const there: There = {
  kind: "there",
  log: { messages: 2, bytes: 512, maxBytes: 1024, firstSeq: 1, lastSeq: 9, created: "", replicas: 1 },
  turns: { running: 1, waiting: 2 },
  questions: 1,
  workers: ["w1", "w2"],
  complete: true,
};

test.each<[string, SessionsStatus, string[]]>([
  ["no log of sessions", { kind: "absent" }, ["log  none on this broker"]],
  [
    "a login from an older users.conf",
    { kind: "denied" },
    ["log  this login may not read it (deploy/nats/users.conf)"],
  ],
  [
    "turns, a question and workers",
    there,
    [
      "log      2 events, 512 B of 1 KiB (50.0 %), sequences 1 to 9",
      "turns    1 running, 2 waiting, 1 open question",
      "workers  w1, w2",
    ],
  ],
  [
    "more sessions than were read, and nobody to run them",
    { ...there, log: { ...there.log, messages: 0 }, questions: 0, workers: [], complete: false },
    ["log      0 events, 512 B of 1 KiB (50.0 %)", "turns    at least 1 running, 2 waiting", "workers  none"],
  ],
  [
    "turns that an operator paused",
    { ...there, paused: { since: 1000, text: "update", by: "ann@host" } },
    [
      "log      2 events, 512 B of 1 KiB (50.0 %), sequences 1 to 9",
      "PAUSED   no turn begins; by an operator (ann@host) since 1970-01-01 00:00:01 UTC (1m 0s): update",
      "turns    1 running, 2 waiting, 1 open question",
      "workers  w1, w2",
    ],
  ],
])("%s", (_, status, lines) => {
  expect(agentSessionsOf(status, PLAIN, 61_000).split("\n")).toEqual(["AGENT SESSIONS", ...lines]);
});
