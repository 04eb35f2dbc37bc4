import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { isCoded } from "../../../../src/shared/base/errors.ts";
import { folderProblem, keptIn, makeFolder, runningIn, writeKept } from "../../../../src/cli/up/kept.ts";

test.each([
  ["ours alone", { uid: 1000, mode: 0o40700 }, 1000, undefined],
  ["ours, others may read", { uid: 1000, mode: 0o40755 }, 1000, undefined],
  ["a volume of root's with our group", { uid: 0, mode: 0o42775 }, 1000, undefined],
  ["another user's, and we are root", { uid: 1000, mode: 0o40755 }, 0, undefined],
  ["where users have no numbers", { uid: 0, mode: 0o40700 }, undefined, undefined],
  ["another user's", { uid: 1001, mode: 0o40755 }, 1000, /another user/],
  ["writable by everybody", { uid: 1000, mode: 0o40777 }, 1000, /everybody/],
  ["such as /tmp", { uid: 0, mode: 0o41777 }, 1000, /everybody/],
  ["root's, and we are root, writable by everybody", { uid: 0, mode: 0o40702 }, 0, /everybody/],
])("a data folder that is %s", (_, folder, us, problem) => {
  if (problem === undefined) expect(folderProblem(folder, us)).toBeUndefined();
  else expect(folderProblem(folder, us)).toMatch(problem);
});

test.each<[unknown, object]>([
  [
    { coordinatorPort: 4711, provisionedAt: "nats://127.0.0.1:4222" },
    { coordinatorPort: 4711, provisionedAt: "nats://127.0.0.1:4222" },
  ],
  [{ coordinatorPort: 65_535, provisionedAt: 7 }, { coordinatorPort: 65_535 }],
  [{ coordinatorPort: "4711", provisionedAt: "x" }, { provisionedAt: "x" }],
  [{ coordinatorPort: 0 }, {}],
  [{ coordinatorPort: -1 }, {}],
  [{ coordinatorPort: 65_536 }, {}],
  [{ coordinatorPort: 22.5 }, {}],
  [{ coordinatorPort: null, provisionedAt: null }, {}],
  [null, {}],
  [undefined, {}],
  [[], {}],
  [7, {}],
  ["text", {}],
])("of what `up` kept, %j, what can be used is used", (value, kept) => {
  expect(keptIn(value)).toEqual(kept);
});

const RUNNING = {
  gateway: "http://127.0.0.1:1",
  relay: "http://127.0.0.1:2",
  nats: "nats://127.0.0.1:3,tls://b:4",
  coordinator: "https://c.example/api",
  pid: 4,
};

test("a running.json is read with what may be in it, and nothing else", () => {
  const web = {
    page: "http://127.0.0.1:2/?token=x",
    console: "http://127.0.0.1:2",
    sessions: "http://127.0.0.1:5",
  };
  const full = { ...RUNNING, ...web, socket: "/run/s" };
  expect(runningIn(RUNNING)).toEqual(RUNNING);
  expect(runningIn({ ...full, more: 1 })).toEqual(full);
  expect(runningIn({ ...full, page: 7, console: "x", sessions: 8002, socket: {} })).toEqual(RUNNING);
});

test.each([
  null,
  undefined,
  [],
  7,
  "x",
  {},
  ...Object.keys(RUNNING).flatMap((name) => [
    { ...RUNNING, [name]: undefined },
    { ...RUNNING, [name]: null },
    { ...RUNNING, [name]: "garbage garbage" },
    { ...RUNNING, [name]: {} },
  ]),
  { ...RUNNING, gateway: "file:///etc/passwd" },
])("nothing runs as far as %j tells", (value) => {
  expect(runningIn(value)).toBeUndefined();
});

test("what stands in the place of a file or a folder is named", () => {
  const folder = mkdtempSync(join(tmpdir(), "rr-kept-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [taken, file] = [join(folder, "up.json"), join(folder, "file")];
  mkdirSync(taken);
  writeFileSync(file, "");
  for (const attempt of [() => writeKept(folder, {}), () => makeFolder(join(file, "data"))])
    expect(attempt).toThrow(expect.toSatisfy((error: unknown) => isCoded(error, "data_unusable")));
  expect(readdirSync(folder).toSorted()).toEqual(["file", "up.json"]);
});
