import { describe, expect, test } from "vitest";
import { gatewayReady, judgeGateways } from "../../../../src/operate/doctor/gateways.ts";
import { read, failed, brief } from "../../shared/messages/checks/readings.ts";

describe("gateways", () => {
  test.each([
    [
      { ready: true, dependencies: { log: { state: "up" } }, durability: "fsync" },
      "ok gateway u: ready, durability fsync",
    ],
    [
      { ready: false, dependencies: { log: { state: "down" } } },
      "fail gateway u: not ready; the log is down",
    ],
    [{ ready: true }, "ok gateway u: ready, durability unknown"],
    [{ status: 401, code: "inbound_unauthorized" }, "ok gateway u: answers, and requires its token"],
    [{ status: 401, code: "other" }, "fail gateway u: another program answers there"],
    [{ status: "ok" }, "fail gateway u: another program answers there"],
    [undefined, "fail gateway u: another program answers there"],
  ])("that answer %j", (body, expected) => {
    expect(brief(judgeGateways([{ url: "u", ready: read(gatewayReady(body)) }]))).toEqual([expected]);
  });

  test("which keep the removal of a runner", () => {
    const body = { ready: true, durability: "fsync", leaving_runners: ["lnch_1", 7] };
    expect(brief(judgeGateways([{ url: "u", ready: read(gatewayReady(body)) }]))).toEqual([
      "ok gateway u: ready, durability fsync",
      "warn runner lnch_1 behind gateway u: asked to be removed while no relay was running",
      "warn runner unknown behind gateway u: asked to be removed while no relay was running",
    ]);
  });

  test("whose runner registered something else than they write", () => {
    const body = {
      ready: true,
      durability: "fsync",
      runner_mismatches: [
        {
          runner_id: "lnch_1",
          registered: { hostname: "m", executor_profile: "autonomous" },
          written: { hostname: "m", executor_profile: "default" },
        },
        null,
      ],
    };
    expect(brief(judgeGateways([{ url: "u", ready: read(gatewayReady(body)) }]))).toEqual([
      "ok gateway u: ready, durability fsync",
      "fail runner lnch_1 behind gateway u: registered hostname m, profile autonomous, but the gateway writes hostname m, profile default into binds, so its sessions will not resume on it",
      expect.stringContaining("fail runner unknown behind gateway u"),
    ]);
  });

  test("that do not answer, or are not known", () => {
    expect(brief(judgeGateways([{ url: "u", ready: failed }]))).toEqual([
      "fail gateway u: no answer within 3 s",
    ]);
    expect(brief(judgeGateways([]))).toEqual(["warn gateway: no gateway is known here"]);
  });
});
