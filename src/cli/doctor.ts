import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { readStaging } from "../embedded/staging.ts";
import { examine, type Patient } from "../operate/doctor/examine.ts";
import type { Environment } from "../shared/base/config/load.ts";
import type { Line } from "../shared/messages/checks/line.ts";
import { portIn } from "../shared/base/port-number.ts";
import { readKeptFileSync } from "../shared/base/short-file.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf, type Flags } from "./flags.ts";
import { fixIndex } from "./fix-index.ts";
import { pageTokenHere } from "./page.ts";
import { brokerOf, CLIENT_TABLE } from "./operator.ts";
import { renderFacts } from "./render/facts.ts";
import type { Screen } from "./render/screen.ts";
import { readRunning } from "./up/kept.ts";

type Options = { gateway?: string; fix?: true; json?: true };

export function command(context: Context): Command {
  const self = new Command("doctor")
    .description(
      "Checks broker, log, relays, coordinator, gateways and the sessions server, and suggests fixes. The exit code is 1 if a check fails.",
    )
    .option("--gateway <url>", "a gateway to check (default: those of the data folder)")
    .option("--fix", "first make the index of agent sessions again from their log")
    .option("--json", "print JSON");
  return addFlags(self, CLIENT_TABLE).action(async ({ gateway, fix, json }: Options) => {
    const of = { env: context.env, flags: flagsOf(self, CLIENT_TABLE) };
    const fixed = fix === true ? [await fixIndex(of.env, of.flags)] : [];
    const lines = [...fixed, ...(await examine(patientOf(of, gateway)))];
    context.print(json ? JSON.stringify(lines, null, 2) : renderLines(lines, context.screen));
    if (lines.some(({ level }) => level === "fail")) process.exitCode = 1;
  });
}

/** What is examined: the broker that was named or `up` runs here, and what else the data folder knows of. */
export function patientOf({ env, flags }: { env: Environment; flags: Flags }, gateway?: string): Patient {
  const { access, sources, dataDir, own } = brokerOf({ role: "operator", env, flags });
  const running = readRunning(dataDir);
  return {
    access,
    sync: sources,
    store: own ? dataDir : undefined,
    staging: own && running !== undefined ? readStaging(dataDir) : undefined,
    gateways: gateway === undefined ? gatewaysOf(dataDir) : [gateway],
    sessions: running?.sessions,
    relay: running?.relay,
    relayToken: pageTokenHere(dataDir, env),
    wall: Date.now,
  };
}

/** The gateways that keep their port in the folder. Agents hold their URL, whether or not they run now. */
function gatewaysOf(dataDir: string): string[] {
  const running = readRunning(dataDir)?.gateway;
  const kept = portFiles(dataDir).flatMap((file) => {
    const port = keptPort(join(dataDir, file));
    return port === undefined ? [] : [`http://127.0.0.1:${port}`];
  });
  return [...new Set([...(running === undefined ? [] : [running.replace(/\/$/, "")]), ...kept])];
}

function keptPort(file: string): number | undefined {
  try {
    return portIn(readKeptFileSync(file));
  } catch {
    return undefined; // the file cannot be read, so its gateway will choose another port at its next start
  }
}

function portFiles(dataDir: string): string[] {
  try {
    return readdirSync(dataDir).filter((file) => /^gateway-.*\.port$/.test(file));
  } catch {
    return []; // no such folder, so nothing runs here
  }
}

const STYLES = { ok: "good", warn: "wait", fail: "bad" } as const;

/** Output for people; every problem comes with what to do about it. Pure. */
export function renderLines(lines: readonly Line[], screen: Screen): string {
  return renderFacts(
    lines.map(({ check, level, text, todo }) => ({
      name: level,
      text: [`${check}: ${text}`, ...(todo === undefined ? [] : [`→ ${todo}`])],
      style: STYLES[level],
    })),
    screen,
  );
}
