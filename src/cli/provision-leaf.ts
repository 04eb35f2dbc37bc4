import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { InvalidArgumentError } from "commander";
import {
  HUB_ACCOUNTS,
  isLeafName,
  leafFiles,
  leafVariables,
  logOfHub,
  type LeafPlan,
} from "../embedded/leaf.ts";
import { replaceFile } from "../shared/base/atomic-file.ts";
import { codedError } from "../shared/base/errors.ts";
import type { Context } from "./context.ts";

// ../embedded/leaf.ts says what the files are · this file writes them, and makes the passwords

/** Passwords, as variables of nats-server's environment. */
const PASSWORDS = "passwords.env";

/** Parses `--leaf`. */
export function leafName(text: string): string {
  if (isLeafName(text)) return text;
  throw new InvalidArgumentError(
    "must be at most 32 lower-case letters, digits and dashes, begin with a letter, and not be `hub`",
  );
}

/** Parses `--hub`. */
export function hubUrl(text: string): string {
  if (/^(?:nats|tls|ws|wss):\/\/[^\s@/]+$/.test(text)) return text;
  throw new InvalidArgumentError("must be like tls://hub.example:7422, without a login");
}

/**
 * Writes the files of a leaf and of its hub. What is generated is replaced, so that a newer version brings its permissions; what people edit, and
 * passwords, stay. Throws `usage` without a hub.
 */
export function writeLeaf(
  { print }: Pick<Context, "print">,
  { plan, hub, out }: { plan: LeafPlan; hub: string | undefined; out: string },
): void {
  if (hub === undefined)
    throw codedError("usage", "--leaf needs --hub, where the host's server reaches the hub's");
  let changed = false;
  const tell = (file: string, what: string): void => {
    changed = true;
    print(`${file} ${what}`);
  };
  const accounts = join(out, HUB_ACCOUNTS);
  const others = existsSync(accounts) ? readdirSync(accounts) : [];
  const hosts = new Set([plan.name, ...others.flatMap((file) => /^(.+)\.conf$/.exec(file)?.[1] ?? [])]);
  for (const { path, text, edited } of leafFiles(plan, [...hosts])) {
    const file = join(out, path);
    mkdirSync(dirname(file), { recursive: true });
    const before = existsSync(file) ? readFileSync(file, "utf8") : undefined;
    if (before === text) continue;
    if (before !== undefined && edited === true) {
      print(`${file} was changed, and stays as it is`);
      continue;
    }
    writeFileSync(file, text);
    tell(file, before === undefined ? "written" : "replaced");
  }
  const variables = leafVariables(plan);
  const atHub = keepPasswords(tell, join(out, "hub", PASSWORDS), variables.hub, {});
  const link = `${plan.name}-link:${atHub.get(variables.link)}`;
  const url = { HUB_URL: hub.replace("://", `://${link}@`) };
  keepPasswords(tell, join(out, plan.name, PASSWORDS), variables.host, url);
  const log = logOfHub(plan, atHub.get(variables.relay) ?? "");
  replaceSecret(tell, join(out, log.path), log.text, "the relay's login at the hub");
  if (!changed) print("everything is in place");
}

type Tell = (file: string, what: string) => void;

/** Writes a file that only its owner may read, if it is another one than before. */
function replaceSecret(tell: Tell, file: string, text: string, what: string): void {
  const before = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  if (text === before) return;
  mkdirSync(dirname(file), { recursive: true });
  replaceFile(file, text);
  tell(file, `${before === undefined ? "written" : "replaced"}: ${what}`);
}

/**
 * Adds a password for each variable that has none in the file, and sets others. Passwords begin with a letter, because nats-server reads a value that begins
 * with a digit as a number. Returns what the file has then.
 */
function keepPasswords(
  tell: Tell,
  file: string,
  names: readonly string[],
  others: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> {
  const before = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  const values = new Map((before ?? "").split("\n").flatMap(readVariable));
  for (const name of names) if (!values.has(name)) values.set(name, `p${randomBytes(24).toString("hex")}`);
  for (const [name, value] of Object.entries(others)) values.set(name, value);
  const text = Array.from(values, ([name, value]) => `${name}=${value}\n`).join("");
  replaceSecret(tell, file, text, "passwords, for its server's environment");
  return values;
}

function readVariable(line: string): [string, string][] {
  const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
  return name === undefined || value === undefined ? [] : [[name, value]];
}
