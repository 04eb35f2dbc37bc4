import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { userFolder } from "../../../../src/shared/base/user-folder.ts";
import { openRoots, type Root } from "../../../../src/worker/roots/root.ts";
import { openWorkspace, workspaceOf } from "../../../../src/worker/roots/workspace.ts";

let base: string;
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), "rr-roots-")));
});
afterEach(() => rmSync(base, { recursive: true }));

const session = (workspace_dir?: string): Parameters<typeof workspaceOf>[0] => ({
  name: "n".repeat(22),
  user: "../ann",
  record: workspace_dir === undefined ? {} : { workspace_dir },
});

function roots(...named: string[]): Root[] {
  return openRoots(
    named.map((it) => join(base, it)),
    "machine",
  );
}

test("a session that names no folder gets one of its user's below the first root", () => {
  const all = roots("one", "two");
  const { root, folder = "" } = workspaceOf(session(), all) ?? {};
  expect(root).toBe(all[0]);
  expect(folder).toBe(join(base, "one", userFolder("../ann"), "n".repeat(22)));
  expect(workspaceOf(session(), [])).toBeUndefined();
});

test("a folder that is named lies in a root, by the root's own path or by the one that was configured", () => {
  const [one] = roots("one");
  symlinkSync(join(base, "one"), join(base, "link"));
  const [linked] = roots("link");
  expect(linked).toMatchObject({ id: one?.id, path: join(base, "one") });
  for (const named of ["one/a/b", "link/a/b", "one/x/../a/b"])
    expect(workspaceOf(session(join(base, named)), linked ? [linked] : [])?.folder).toBe(
      join(base, "one/a/b"),
    );
  expect(workspaceOf(session(join(base, "one")), one ? [one] : [])?.folder).toBe(join(base, "one"));
  for (const named of [join(base, "one/../two"), join(base, "onething"), base, "/", "a", "one/a", ""])
    expect(workspaceOf(session(named), one ? [one] : []), named).toBeUndefined();
  expect(workspaceOf(session(join(base, "one", "..a")), one ? [one] : [])?.folder).toBe(
    join(base, "one", "..a"),
  );
});

test("a root that is missing is made, but not what is above it, and not again once it is in use", () => {
  expect(() => roots("gone/one")).toThrow(/config_invalid|cannot be used/);
  const all = roots("one");
  const workspace = workspaceOf(session(), all);
  rmSync(join(base, "one"), { recursive: true });
  expect(workspace && openWorkspace(workspace)).toMatchObject({
    kind: "refused",
    code: "workspace_unusable",
  });
  expect(existsSync(join(base, "one"))).toBe(false);
});

test("roots are known by machine, device and inode", () => {
  const [one, two] = roots("one", "two");
  expect(one?.id).not.toBe(two?.id);
  expect(openRoots([join(base, "one")], "other")[0]?.id).not.toBe(one?.id);
  rmSync(join(base, "two"), { recursive: true });
  mkdirSync(join(base, "keep"));
  mkdirSync(join(base, "two"));
  expect(openRoots([join(base, "two")], "machine")[0]?.place).toBe(two?.place);
  writeFileSync(join(base, "file"), "");
  expect(() => roots("file/below")).toThrow("RUNNER_RELAY_WORKSPACE_ROOT");
});

test("a folder is made for its user alone; where a link leads away, nothing is made", () => {
  const [root] = roots("one");
  if (root === undefined) throw new Error("no root");
  const folder = join(root.path, "u", "s");
  expect(openWorkspace({ root, folder })).toEqual({ kind: "open" });
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(openWorkspace({ root, folder })).toEqual({ kind: "open" });
  mkdirSync(join(root.path, "other"));
  symlinkSync(join(root.path, "other"), join(folder, "link"));
  for (const named of ["link", "link/below"])
    expect(openWorkspace({ root, folder: join(folder, named) })).toMatchObject({ code: "workspace_refused" });
  expect(existsSync(join(root.path, "other", "below"))).toBe(false);
});

test("a folder that cannot be made has a code", () => {
  const [root] = roots("one");
  if (root === undefined) throw new Error("no root");
  writeFileSync(join(root.path, "file"), "");
  expect(openWorkspace({ root, folder: join(root.path, "file", "s") })).toMatchObject({
    kind: "refused",
    code: "workspace_unusable",
  });
  chmodSync(join(root.path, "file"), 0o600);
});
