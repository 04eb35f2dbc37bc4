import { expect, test } from "vitest";
import { ALL_SETTINGS } from "../../../src/shared/settings/index.ts";
import { variableNames } from "../../../src/shared/base/config/load.ts";
import { agentEnvironment } from "../../../src/worker/environment.ts";

test("an agent gets plain variables, and nothing of ours", () => {
  const plain = { PATH: "/bin", HOME: "/h", LC_ALL: "C", https_proxy: "http://p" };
  const ours = Object.fromEntries(variableNames(ALL_SETTINGS).map((name) => [name, "secret"]));
  const others = {
    AWS_SECRET_ACCESS_KEY: "secret",
    NODE_OPTIONS: "--inspect",
    NODE_CHANNEL_FD: "3",
    LD_PRELOAD: "x",
  };
  expect(agentEnvironment({ ...plain, ...ours, ...others, TZ: undefined })).toEqual(plain);
});
