import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Caller } from "../../../../src/sessions/access/caller.ts";
import { createWorkspaces, openWorkspaceRoots } from "../../../../src/sessions/access/workspaces.ts";
import { userFolder } from "../../../../src/shared/base/user-folder.ts";

let base: string;
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), "workspaces-")));
});
afterEach(() => rmSync(base, { recursive: true }));

const ended = new AbortController().signal;
const ann: Caller = { user: "ann", scopes: new Set(["user"]), open: false, ended };
const admin: Caller = { user: "root", scopes: new Set(["user", "admin"]), open: false, ended };

async function place(caller: Caller, asked: string | undefined): Promise<string | undefined> {
  const workspaces = createWorkspaces(await openWorkspaceRoots([join(base, "root")]));
  const it = await workspaces.choose(caller, "ann", asked);
  return typeof it === "object" ? it.code : it;
}

test("a folder of one's own is taken, made or not, and other folders are refused", async () => {
  const own = join(base, "root", userFolder("ann"));
  expect(await place(ann, undefined)).toBeUndefined();
  expect(await place(ann, join(own, "x"))).toBe(join(own, "x"));
  expect(await place(ann, "x")).toBe(join(own, "x"));
  mkdirSync(join(own, "x"), { recursive: true });
  expect(await place(ann, "x")).toBe(join(own, "x"));
  expect(await place(ann, join(base, "root", "y"))).toBe("workspace_refused");
  expect(await place(admin, join(base, "root", "y"))).toBe(join(base, "root", "y"));
  expect(await place(admin, base)).toBe("workspace_refused");
});

test("a link that leads out of the folder is refused, and one within is resolved", async () => {
  const own = join(base, "root", userFolder("ann"));
  const bobs = join(base, "root", userFolder("bob"));
  for (const folder of [join(own, "x"), bobs]) mkdirSync(folder, { recursive: true });
  for (const [to, name] of [
    [bobs, "bob"],
    ["/", "all"],
    [join(own, "x"), "in"],
    [join(base, "nothing"), "later"],
  ] as const)
    symlinkSync(to, join(own, name));
  expect(await place(ann, "bob/y")).toBe("workspace_refused");
  expect(await place(admin, join(own, "bob/y"))).toBe(join(bobs, "y"));
  expect(await place(ann, "all/etc")).toBe("workspace_refused");
  expect(await place(admin, join(own, "all/etc"))).toBe("workspace_refused");
  expect(await place(ann, "later/y")).toBe("workspace_refused");
  expect(await place(ann, "in/y")).toBe(join(own, "x", "y"));
});

test("a root that is a link keeps its name", async () => {
  mkdirSync(join(base, "disk"));
  symlinkSync(join(base, "disk"), join(base, "root"));
  expect(await place(admin, join(base, "root", "x"))).toBe(join(base, "root", "x"));
  expect(await place(admin, join(base, "disk", "x"))).toBe(join(base, "root", "x"));
});
