import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";
import { importsOf, withoutComments, type Import } from "../support/imports.ts";

/**
 * Who may import whom, and who touches the environment (docs/architecture.md, "Rules"). What holds for every file alike: files.test.ts.
 */
const SRC = resolve(import.meta.dirname, "../../src");

/** `types`: `import type` only, nothing that exists at run time. */
type Reach = "all" | "types";

const BASE = { "shared/base": "all" } as const;
const LOG_AND_HTTP = {
  ...BASE,
  "shared/log": "all",
  "shared/http": "all",
  "shared/session-log": "all",
} as const;
const ALL_SHARED = {
  ...LOG_AND_HTTP,
  "shared/messages": "all",
  "shared/settings": "all",
  "shared/credentials": "all",
} as const;

/** What each area may import besides itself: what stands above it here. Written down in docs/architecture.md. */
const MAY_IMPORT: Record<string, Record<string, Reach>> = {
  "shared/base": {},
  "shared/log": BASE,
  "shared/http": BASE,
  "shared/session-log": { ...BASE, "shared/log": "all" },
  "shared/messages": LOG_AND_HTTP,
  "shared/settings": { ...LOG_AND_HTTP, "shared/messages": "all" },
  "shared/credentials": { ...LOG_AND_HTTP, "shared/settings": "all" },
  client: {},
  standin: ALL_SHARED,
  embedded: ALL_SHARED,
  gateway: ALL_SHARED,
  relay: ALL_SHARED,
  console: { ...LOG_AND_HTTP, "shared/messages": "all", "shared/settings": "all" },
  operate: ALL_SHARED,
  agents: ALL_SHARED,
  guard: { ...BASE, agents: "types" },
  executors: { ...BASE, agents: "all", guard: "all", client: "all" },
  worker: { ...ALL_SHARED, agents: "all", guard: "all" },
  sessions: ALL_SHARED,
  tokens: ALL_SHARED,
  mcp: { ...LOG_AND_HTTP, "shared/messages": "all", operate: "all" },
  cli: {
    ...ALL_SHARED,
    operate: "all",
    embedded: "all",
    gateway: "all",
    relay: "all",
    console: "all",
    sessions: "all",
    tokens: "all",
    standin: "all",
    worker: "all",
    mcp: "all",
    executors: "all",
    agents: "all",
    guard: "all",
    client: "all",
  },
};

/**
 * The same one level deeper: what each folder of a process may import of its own process, types included. Those that it may import stand above it here.
 * The files that stand beside these folders put the parts together: they may import everything, and no folder imports them.
 */
const ROOMS: Record<string, Record<string, readonly string[]>> = {
  relay: {
    coordinator: [],
    source: [],
    lanes: ["coordinator", "source"],
    turns: ["coordinator", "lanes"],
    registrations: ["coordinator", "source", "lanes"],
    tunnel: ["coordinator", "registrations"],
    report: ["coordinator", "source", "lanes", "turns", "registrations"],
    logs: ["coordinator", "lanes", "report"],
  },
  gateway: {
    contract: [],
    route: ["contract"],
    tunnel: ["route"],
    runner: ["route", "tunnel"],
    writes: ["contract", "route", "runner"],
    relays: ["writes"],
    report: ["contract", "runner", "writes"],
  },
  worker: { credentials: [], roots: [] },
  console: { watch: [], views: ["watch"], routes: ["watch", "views"] },
  sessions: {
    access: [],
    core: ["access"],
    stream: [],
    http: ["access", "core", "stream"],
    native: ["core", "stream", "http"],
    hooks: ["access", "core", "http"],
    runner: ["access", "http"],
    dialects: ["access", "core", "stream", "http"],
    describe: ["native", "dialects"],
  },
};

/** Processes of their own: the only files that a command may reach of them. */
const ROOTS = [
  "console/main.ts",
  "gateway/main.ts",
  "relay/main.ts",
  "sessions/main.ts",
  "standin/main.ts",
  "tokens/main.ts",
  "worker/main.ts",
];

/** Doors that stand behind another one and are for everybody: the package exports each. */
const EXPORTED_DOORS = ["client/sessions/index.ts"];

/** Composition roots: the only files that touch the environment and the command line. */
const READS_ENVIRONMENT = ["cli/main.ts", ...ROOTS];
/** Takes the flags off the command line before it runs a root in its place. */
const CUTS_COMMAND_LINE = ["cli/root.ts"];

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.replaceAll("\\", "/"))
  .sort();
const texts = new Map(files.map((file) => [file, readFileSync(join(SRC, file), "utf8")]));
const imports = files.flatMap((file) => importsOf(file, withoutComments(texts.get(file) ?? "")));

/** `process.env`, and the ways around that spelling. */
function readsEnvironment(text: string): boolean {
  return /\bprocess\s*(?:\?\.|\.)\s*env\b|\bprocess\s*\[|\}\s*=\s*process\b|["'](?:node:)?process["']/.test(
    text,
  );
}

/** The first folder, and of what is shared the second too. */
function areaOf(file: string): string {
  const [first = "", second = ""] = file.split("/");
  return first === "shared" ? `${first}/${second}` : first;
}

/** The folder of a process that a file belongs to; undefined for those beside the folders. */
function roomOf(file: string): string | undefined {
  const [, room, ...rest] = file.split("/");
  return rest.length === 0 ? undefined : room;
}

/** File of an import of ours, relative to `src`; undefined for packages. */
function targetOf({ from, to }: Import): string | undefined {
  if (!to.startsWith(".")) return undefined;
  return relative(SRC, resolve(SRC, dirname(from), to)).replaceAll("\\", "/");
}

test("the parser sees every form of import", () => {
  const text = `
import { a } from "../a.ts";
import type { B } from "../b.ts";
import {
  type C,
  d,
} from "../c.ts";
export { e } from "../e.ts";
export type { F } from "../f.ts";
export * from "../g.ts";
import "../h.ts";
const i = () => import("../i.ts");
type J = import("../j.ts").J;
// import { no } from "../no.ts";
import type, { K } from "../k.ts";
export const text = "no import here"; import { l } from "https://l";
`;
  const found = importsOf("x/y.ts", withoutComments(text)).map(
    ({ to, typesOnly }) => `${to}${typesOnly ? " types" : ""}`,
  );
  expect(found.sort()).toEqual([
    "../a.ts",
    "../b.ts types",
    "../c.ts",
    "../e.ts",
    "../f.ts types",
    "../g.ts",
    "../h.ts",
    "../i.ts",
    "../j.ts",
    "../k.ts",
  ]);
});

test("every area is seen, and has files and imports", () => {
  const areas = [...new Set(files.map(areaOf))].sort();
  expect(areas).toEqual(Object.keys(MAY_IMPORT).sort());
  for (const area of areas) {
    expect(files.filter((file) => areaOf(file) === area).length, `files of ${area}`).toBeGreaterThan(3);
    expect(imports.filter(({ from }) => areaOf(from) === area).length, `imports of ${area}`).toBeGreaterThan(
      3,
    );
  }
  // as many as a plain search for the word finds, so that no statement slips through the expression
  const words = files.flatMap((file) =>
    [...withoutComments(texts.get(file) ?? "").matchAll(/\bfrom\s*"\.{1,2}\//g)].map(() => file),
  );
  const own = imports.filter(({ to }) => to.startsWith("."));
  expect(own.length).toBeGreaterThanOrEqual(words.length);
  expect(words.length).toBeGreaterThan(200);
});

test("every relative import names a file that is there", () => {
  const missing = imports.filter((it) => {
    const target = targetOf(it);
    return target !== undefined && !texts.has(target);
  });
  expect(missing).toEqual([]);
});

test("areas import only what they may", () => {
  const broken = imports.filter((it) => {
    const target = targetOf(it);
    if (target === undefined || areaOf(target) === areaOf(it.from)) return false;
    const reach = MAY_IMPORT[areaOf(it.from)]?.[areaOf(target)];
    return reach === undefined || (reach === "types" && !it.typesOnly);
  });
  expect(broken).toEqual([]);
});

test.each(Object.entries(ROOMS))("the folders of %s import only what they may", (area, rooms) => {
  const own = files.filter((file) => areaOf(file) === area);
  const names = Object.keys(rooms);
  expect([...new Set(own.map(roomOf))].filter((room) => room !== undefined).sort()).toEqual(names.toSorted());
  for (const [at, room] of names.entries())
    // so that there is an order
    expect(
      rooms[room]?.filter((below) => !names.slice(0, at).includes(below)),
      room,
    ).toEqual([]);
  const used = new Map(names.map((room) => [room, new Set<string>()]));
  for (const it of imports) {
    const target = targetOf(it);
    const room = roomOf(it.from);
    if (target === undefined || areaOf(it.from) !== area || areaOf(target) !== area) continue;
    if (room !== undefined && room !== roomOf(target)) used.get(room)?.add(roomOf(target) ?? target);
  }
  const found = names.map((room) => [room, [...(used.get(room) ?? [])].sort()]);
  expect(Object.fromEntries(found)).toEqual(
    Object.fromEntries(names.map((room) => [room, [...(rooms[room] ?? [])].sort()])),
  );
});

test("what is behind a folder's door is not imported from outside", () => {
  const doors = files
    .filter((file) => file.endsWith("/index.ts"))
    .map((file) => file.slice(0, -"index.ts".length));
  expect(doors.length).toBeGreaterThan(5);
  const past = imports.filter((it) => {
    const target = targetOf(it) ?? "";
    return doors.some(
      (at) =>
        target.startsWith(at) &&
        target !== `${at}index.ts` &&
        !EXPORTED_DOORS.includes(target) &&
        !it.from.startsWith(at),
    );
  });
  expect(past).toEqual([]);
});

test("commands reach a process only through its composition root", () => {
  const processes = ROOTS.map(areaOf);
  const reached = imports
    .map((it) => ({ ...it, target: targetOf(it) ?? "" }))
    .filter(({ from, target }) => areaOf(from) === "cli" && processes.includes(areaOf(target)));
  expect(reached.map(({ target }) => target).sort()).toEqual([...ROOTS].sort());
});

test("only composition roots touch environment and command line", () => {
  const readers = files.filter((file) => readsEnvironment(withoutComments(texts.get(file) ?? "")));
  expect(readers.sort()).toEqual([...READS_ENVIRONMENT].sort());
  const cutters = files.filter((file) => /\bprocess\.argv\b/.test(withoutComments(texts.get(file) ?? "")));
  expect(cutters.filter((file) => !READS_ENVIRONMENT.includes(file))).toEqual(CUTS_COMMAND_LINE);
});

test("a composition root is imported only by the command that runs it", () => {
  const mains = files.filter((file) => file.endsWith("/main.ts"));
  expect(mains).toEqual([...READS_ENVIRONMENT].sort());
  const users = imports.filter((it) => mains.includes(targetOf(it) ?? "") && areaOf(it.from) !== "cli");
  expect(users).toEqual([]);
});
