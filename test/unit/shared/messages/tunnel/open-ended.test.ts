import { expect, test } from "vitest";
import { isOpenEnded } from "../../../../../src/shared/messages/tunnel/open-ended.ts";

const request = (method: string, target: string, headers: string[] = [], upgrade?: string) => ({
  method,
  target,
  headers,
  ...(upgrade === undefined ? {} : { upgrade }),
});

test.each([
  ["a poll", request("GET", "/runner/runs?runner_id=r")],
  ["a poll as it may be spelt", request("GET", "//runner/runs/?runner_id=r")],
  ["a stream of events", request("GET", "/sse/sessions", ["Accept", "text/event-stream"])],
  ["one beside other types", request("GET", "/x", ["accept", "application/json, text/event-stream;q=0.9"])],
  ["an upgraded connection", request("GET", "/ws", [], "websocket")],
])("%s lasts until something happens", (_, it) => expect(isOpenEnded(it)).toBe(true));

test.each([
  ["a read", request("GET", "/sessions")],
  ["a run", request("GET", "/runner/runs/r1")],
  ["a registration", request("POST", "/runner/register")],
  ["a write under a poll's path", request("POST", "/runner/runs")],
  ["a value that only looks like it", request("GET", "/x", ["accept", "text/event-streams"])],
  ["another header", request("GET", "/x", ["x-accept", "text/event-stream"])],
  ["a value in a name's place", request("GET", "/x", ["x", "accept", "text/event-stream", "y"])],
])("%s is work", (_, it) => expect(isOpenEnded(it)).toBe(false));
