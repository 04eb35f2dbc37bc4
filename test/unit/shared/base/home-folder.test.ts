import { isAbsolute } from "node:path";
import { expect, test } from "vitest";
import { compileCacheFolder } from "../../../../src/cli/folders.ts";
import { dataFolder } from "../../../../src/shared/base/data-folder.ts";
import { homeFolder } from "../../../../src/shared/base/home-folder.ts";

const nobody = (): string => {
  throw new Error("ENOENT: no such file or directory, uv_os_homedir");
};

test.each([
  [{ HOME: "/home/x" }, nobody, "/home/x"],
  [{}, () => "/root", "/root"],
  [{ HOME: "" }, () => "/root", "/root"],
  [{}, nobody, undefined],
  [{ HOME: "" }, nobody, undefined],
  [{}, () => "", undefined],
])("the home folder with %j", (env, ofSystem, expected) => expect(homeFolder(env, ofSystem)).toBe(expected));

test("folders that are named need no home", () => {
  expect(dataFolder("/data", {})).toBe("/data");
  expect(dataFolder(undefined, { XDG_STATE_HOME: "/state" })).toBe("/state/runner-relay");
  expect(dataFolder(undefined, { HOME: "/home/x" })).toBe("/home/x/.local/state/runner-relay");
  expect(compileCacheFolder({ XDG_CACHE_HOME: "/cache" })).toBe("/cache/runner-relay/compile");
  expect(isAbsolute(compileCacheFolder({ HOME: "/home/x" }) ?? "")).toBe(true);
});
