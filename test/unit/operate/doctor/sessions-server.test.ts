import { expect, test } from "vitest";
import { judgeSessionsServer, sessionsReady } from "../../../../src/operate/doctor/sessions-server.ts";
import { brief, failed, read } from "../../shared/messages/checks/readings.ts";

const log = (state: string): object => ({ ready: state === "up", dependencies: { log: { state } } });

test.each([
  [log("up"), "ok sessions server u: ready"],
  [log("down"), "fail sessions server u: does not reach the log of sessions"],
  [log("full"), "fail sessions server u: takes no turns, the log of sessions is full"],
  [log("odd"), "fail sessions server u: not ready; its log is odd"],
  [{ ready: true }, "fail sessions server u: another program answers there"],
  [{ status: "ok" }, "fail sessions server u: another program answers there"],
  [undefined, "fail sessions server u: another program answers there"],
])("a sessions server that answers %j", (body, expected) => {
  expect(brief([judgeSessionsServer({ url: "u", ready: read(sessionsReady(body)) })])).toEqual([expected]);
});

test("a sessions server that does not answer", () => {
  expect(brief([judgeSessionsServer({ url: "u", ready: failed })])).toEqual([
    "fail sessions server u: no answer within 3 s",
  ]);
});
