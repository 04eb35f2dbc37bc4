import { expect, it } from "vitest";
import { pollThrough } from "../../support/runner-poll.ts";
import { startCoordinator, type FaultAction } from "../../support/coordinator.ts";
import { startStack } from "../tunnel/stack.ts";
import { appendTo, attemptsOf, expectAllDelivered, expectTold, startDay } from "./day.ts";

const PAGE = "<html><body>not the coordinator</body></html>";
const JSON_TYPE = { "content-type": "application/json" };

const page = (status: number, headers?: Record<string, string>): FaultAction => ({
  kind: "status",
  status,
  body: PAGE,
  ...(headers === undefined ? {} : { headers }),
});
const words = (status: number, body: Record<string, unknown>): FaultAction => ({
  kind: "status",
  status,
  body,
});

/** What stands between relay and coordinator says so itself, to every request; what `status` calls it. */
const ANSWERS: [string, FaultAction, string][] = [
  ["502 of an ingress", page(502), "breaker_open"],
  ["502 of an ingress, called JSON", page(502, JSON_TYPE), "breaker_open"],
  ["502 of a cloud, in JSON", words(502, { message: "Internal server error" }), "breaker_open"],
  ["503 of an ingress", page(503), "breaker_open"],
  ["504 of an ingress", page(504), "breaker_open"],
  ["429 of a firewall", page(429), "breaker_open"],
  ["407 of a proxy", page(407), "wrong_address"],
  ["407 of a proxy, in JSON", words(407, { error: "login" }), "wrong_address"],
  ["403 of a firewall", page(403), "unauthorized"],
  ["403 of a firewall, in JSON", words(403, { message: "Forbidden" }), "unauthorized"],
  ["404 of an ingress", page(404), "wrong_address"],
  ["413 of an ingress", page(413), "wrong_address"],
  ["a captive portal", page(200), "wrong_address"],
  ["a captive portal, called JSON", page(200, JSON_TYPE), "wrong_address"],
  [
    "a captive portal that redirects",
    { kind: "redirect", location: "http://127.0.0.1:9/login" },
    "redirected",
  ],
];

it.concurrent.each(ANSWERS)(
  "SETTLE-1: %s is no verdict about an event; it is named, and all is delivered when it is over",
  async (_, action, reason) => {
    await using day = await startDay();
    await day.relay();
    await expectAllDelivered(day, await appendTo(day, ["ses_first"], 1));
    day.coordinator.faults.set([{ action }]);
    const ids = await appendTo(day, ["ses_a", "ses_b"], 2);
    await expectTold(day, reason === "breaker_open" ? "away" : "paused", reason);
    day.coordinator.faults.clear();
    await expectAllDelivered(day, ids);
    const firsts = ["ses_a", "ses_b"].map((session) => attemptsOf(day, ids.get(session)?.[0] ?? "").length);
    expect(Math.max(...firsts)).toBeGreaterThan(1); // one of them was refused before all waited
  },
);

it.concurrent.each(ANSWERS)(
  "a runner's polls and heartbeats are answered for the coordinator: %s",
  async (_, action) => {
    await using coordinator = await startCoordinator({ pollMs: 300 });
    await using stack = await startStack(coordinator.url);
    const post = (path: string, body: unknown): Promise<Response> =>
      fetch(stack.url + path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    const registration = { hostname: "host-1", project_dir: "/p", executor_profile: "coding", executor: {} };
    const { runner_id } = (await (await post("/runner/register", registration)).json()) as {
      runner_id: string;
    };
    const poll = (): Promise<Response> => pollThrough(stack.url, runner_id);
    const said = ({ status, headers }: Response): unknown => [status, headers.get("rr-answered-by")];
    expect(said(await poll())).toEqual([204, null]);
    // the address itself is well, so that nobody is known to be away
    coordinator.faults.set([{ path: "^/runner/(runs|heartbeat)$", action }]);
    expect(said(await poll())).toEqual([204, "relay"]);
    expect(said(await post("/runner/heartbeat", { runner_id }))).toEqual([200, "relay"]);
    coordinator.faults.clear();
    expect(said(await poll())).toEqual([204, null]);
  },
);
