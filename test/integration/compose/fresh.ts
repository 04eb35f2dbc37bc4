import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { mkdtemp, rm } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { bareEnv } from "../../support/bare-env.ts";
import { natsServerPath } from "../../support/broker.ts";
import type { FoundTool } from "../../support/debian-tool.ts";
import { networkOf } from "../../support/machine.ts";
import { findNginx } from "../../support/nginx.ts";
import { readComposition, type Composition } from "./composition.ts";

export const ROOT: string = resolve(import.meta.dirname, "../../..");
const run = promisify(execFile);

/** Services whose image and settings are not ours. */
export const isForeign = (name: string): boolean => name === "nats" || name === "nginx";

export function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** The composition as a new user has it, in a folder of its own. */
export type Fresh = {
  folder: string;
  /** Environment of everything that is run; its PATH has the servers of others. */
  base: Record<string, string>;
  /** What `deploy/make-env.sh` wrote. */
  made: Record<string, string>;
  variables: Record<string, string>;
  composition: Composition;
  nginx: FoundTool;
  remove(): Promise<void>;
};

export async function freshComposition(): Promise<Fresh> {
  const folder = await mkdtemp(join(tmpdir(), "rr-compose-"));
  const bin = join(folder, "bin");
  mkdirSync(bin);
  symlinkSync(await natsServerPath(), join(bin, "nats-server"));
  const nginx = await findNginx();
  if ("path" in nginx) symlinkSync(nginx.path, join(bin, "nginx"));
  const { PATH = "", HOME = "" } = process.env;
  const base = {
    ...networkOf(process.env),
    ...bareEnv(),
    PATH: [bin, dirname(process.execPath), PATH].join(delimiter),
    HOME,
  };
  const made = await makeEnv(join(folder, "fresh"));
  const variables = { ...made, COORDINATOR_URL: "http://127.0.0.1:8765" };
  const composition = readComposition(read("docker-compose.yml"), variables);
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true, maxRetries: 5 });
  return { folder, base, made, variables, composition, nginx, remove };
}

/** Runs `deploy/make-env.sh` in a copy; returns what it wrote. */
export async function makeEnv(copy: string): Promise<Record<string, string>> {
  cpSync(join(ROOT, "deploy"), join(copy, "deploy"), { recursive: true });
  await run("/bin/sh", [join(copy, "deploy/make-env.sh")]);
  const file = join(copy, ".env");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const text = readFileSync(file, "utf8");
  await run("/bin/sh", [join(copy, "deploy/make-env.sh")]);
  expect(readFileSync(file, "utf8"), "what stands in an .env stays").toBe(text);
  const lines = text.trim().split("\n");
  return Object.fromEntries(lines.map((line) => line.split("=") as [string, string]));
}
