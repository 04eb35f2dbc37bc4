import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { hearRelays } from "../../../src/shared/messages/hearing.ts";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { readLogStatus, type LogStatus } from "../../../src/shared/messages/status/log-status.ts";
import { OPERATOR_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { startUp } from "../../support/up.ts";
import { eventually } from "../../support/eventually.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { mainOf } from "../../support/bundle/main-of.ts";

/** A machine as docs/operations assumes it: `up` runs in the home of somebody who types the pages' commands, one after the other. */
export type Stage = {
  /** Base URL of its gateway. */
  gateway: string;
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>;
  /** Brings about what a block needs; the one that holds is left as it is. */
  become(situation: string): Promise<void>;
  /** Types a command, as the page shows it. Environment and folder stay for the next one. */
  type(command: string, terminal: boolean): Promise<{ code: number; output: string }>;
  /** What is this machine's own in an output, in the page's words. */
  inWords(text: string): string;
  [Symbol.asyncDispose](): Promise<void>;
};

const MAIN = mainOf("cli");
/** Names that the page uses. */
const HOME_SHOWN = "/home/ada";
/** For a command that hangs: a loaded machine takes many times as long as an idle one. */
const COMMAND_MS = 120_000;

export async function openStage(options: {
  natsCli?: string;
  hostname: string;
  profile: string;
  /** That the coordinator knows. */
  sessions: readonly string[];
}): Promise<Stage> {
  const { natsCli, hostname, profile, sessions } = options;
  const home = await mkdtemp(join(tmpdir(), "rr-docs-"));
  const bin = join(home, ".bin");
  await mkdir(bin);
  await writeFile(join(bin, "runner-relay"), `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  await chmod(join(bin, "runner-relay"), 0o755);
  const coordinator = await startCoordinator();
  for (const session of sessions) coordinator.createSession(session);
  const state = join(home, ".local", "state", "runner-relay");
  await mkdir(join(home, ".local", "state"), { recursive: true });
  const up = startUp(home, {
    args: ["--coordinator", coordinator.url, "--hostname", hostname, "--profile", profile, "--data", state],
    also: ["sessions", "console"],
    env: { RUNNER_RELAY_RELAY: "relay-1", RUNNER_RELAY_WORKER: "worker-1" },
  });
  const { gateway, nats } = await up.ready();
  const { passwords } = JSON.parse(await readFile(join(state, "broker", "kept.json"), "utf8")) as {
    passwords: { operator: string };
  };
  const nc = await connectBroker(
    { servers: [nats], user: "operator", password: passwords.operator },
    { name: "stage", inboxPrefix: OPERATOR_INBOX },
  );
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const relays = hearRelays(nc);

  const paths = [bin, ...(natsCli === undefined ? [] : [dirname(natsCli)]), process.env["PATH"] ?? ""];
  const environment = join(home, ".environment");
  await writeFile(environment, `export PATH='${paths.join(delimiter)}' TERM=xterm-256color\ncd '${home}'\n`);

  async function send(session: string, route: string, body: object): Promise<void> {
    const answer = await fetch(`${gateway}/sessions/${session}/${route}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    await answer.arrayBuffer();
  }
  const message = (session: string, text: string): Promise<void> =>
    send(session, "events", {
      session_id: session,
      event_type: "message",
      timestamp: new Date().toISOString(),
      role: "assistant",
      content: [{ type: "text", text }],
    });
  const until = async (
    holds: (log: LogStatus, coordinator: string | undefined) => boolean,
  ): Promise<void> => {
    await eventually(async () => {
      const { status } = await readLogStatus(jsm);
      if (!holds(status, relays.now()[0]?.coordinator.state)) throw new Error("not yet");
    });
  };

  let backup = coordinator.state.sessions.backup();
  const SITUATIONS: Record<string, () => Promise<void>> = {
    async quiet() {
      await send("ses_build", "bind", {
        session_id: "ses_build",
        executor_session_id: "claude-1",
        project_dir: "/srv/app",
      });
      for (const text of ["Reading the tests", "Two of them fail"]) await message("ses_build", text);
      coordinator.faults.set([
        { body: "Draft", action: { kind: "status", status: 422, body: { detail: "content: too long" } } },
      ]);
      await message("ses_docs", "Draft of the page");
      await until(({ backlog: { events }, dead }) => events === 0 && dead.messages === 1);
      coordinator.faults.clear();
      backup = coordinator.state.sessions.backup();
    },
    async outage() {
      await coordinator.stop();
      for (const text of ["Fixed the first one", "Fixed the second one", "All green"])
        await message("ses_build", text);
      await message("ses_docs", "Second draft");
      await until((log, state) => log.backlog.events === 4 && state === "away");
    },
    /** Nobody has tried to reach it yet. */
    away: () => coordinator.stop(),
    noticed: () => until((_, state) => state === "away"),
    async back() {
      await coordinator.start();
      await until((log, state) => log.backlog.events === 0 && state === "up");
    },
    async lost() {
      await until(({ backlog: { events } }) => events === 0);
      coordinator.state.sessions.restore(backup);
    },
  };
  let situation = "";

  async function type(command: string, terminal: boolean): Promise<{ code: number; output: string }> {
    const typed = join(home, ".typed");
    await writeFile(
      typed,
      `set -a\n. '${environment}'\n${command}\ncode=$?\n{ export -p; echo "cd '$PWD'"; } >'${environment}'\nexit $code\n`,
    );
    const [file, args] = terminal
      ? ["script", ["-qec", `stty cols 200 rows 50; bash ${typed}`, "/dev/null"]]
      : ["bash", [typed]];
    const env = { ...bareEnv(), HOME: home, XDG_CONFIG_HOME: join(home, ".config"), LANG: "C.UTF-8" };
    return new Promise((done) => {
      const child = execFile(file, args, { env, cwd: home, timeout: COMMAND_MS }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
        // what is said on the side, such as progress, is shown only where there is nothing else
        done({ code, output: stdout === "" ? stderr : stdout });
      });
      child.stdin?.end();
    });
  }

  return {
    gateway,
    idle: () => until(({ backlog: { events } }) => events === 0),
    async become(wanted) {
      if (wanted === situation) return;
      const bring = SITUATIONS[wanted];
      if (bring === undefined)
        throw new Error(`docs/operations asks for a situation that nobody knows: ${wanted}`);
      await bring();
      situation = wanted;
    },
    type,
    inWords: (text) => text.replaceAll(home, HOME_SHOWN),
    async [Symbol.asyncDispose]() {
      await nc.close();
      await up.stop();
      await coordinator[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
