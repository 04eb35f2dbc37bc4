// `npm run test:contract [-- CASES [positive|negative]]`: sends generated requests to a running
// gateway, valid ones and invalid ones, and compares its answers with its own OpenAPI document:
// status, media type, headers and schema. CASES for each operation and kind, 100 by default. Needs
// Python 3.10 or newer with venv, and a package index for the first run.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const here = join(root, "scripts", "contract");
const venv = join(root, "node_modules", ".cache", "contract-venv");
const READY_MS = 120_000;

const [cases = "100", only] = process.argv.slice(2);
const MODES = ["positive", "negative"];
if (!/^[1-9]\d{0,5}$/.test(cases)) fail(`not a number of cases: ${cases}`);
if (only !== undefined && !MODES.includes(only)) fail(`not a kind of cases: ${only}`);

const st = installed();
const home = mkdtempSync(join(tmpdir(), "rr-contract-"));
const up = startUp();
try {
  const { gateway } = await ready();
  const known = await prepare(gateway);
  // Valid requests first: many refusals would pause the relay, and then every write is answered with 202.
  const failed = MODES.filter((mode) => only === undefined || mode === only).filter(
    (mode) => !run(mode, gateway, known),
  );
  console.log(
    failed.length === 0
      ? "contract: the answers are as documented"
      : `contract: failed: ${failed.join(", ")}`,
  );
  process.exitCode = failed.length === 0 ? 0 : 1;
} finally {
  up.kill("SIGTERM");
  await Promise.race([new Promise((done) => up.once("exit", done)), sleep(30_000)]);
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
}

/** Path of schemathesis, in a virtual environment of our own that is made once per list of requirements. */
function installed() {
  const requirements = join(here, "requirements.txt");
  const wanted = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  const stamp = join(venv, "stamp");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
    rmSync(venv, { recursive: true, force: true });
    command("python3", ["-m", "venv", venv]);
    command(join(venv, "bin", "pip"), ["install", "--quiet", "--requirement", requirements]);
    writeFileSync(stamp, wanted);
  }
  return join(venv, "bin", "schemathesis");
}

function command(file, args) {
  const { status, error } = spawnSync(file, args, { stdio: "inherit" });
  if (status !== 0) fail(`${file} ${args.join(" ")}: ${error?.message ?? `exit code ${status}`}`);
}

/** Gateway, relay, broker and stand-in coordinator, with a short wait for the coordinator's answers. */
function startUp() {
  const { PATH, HOME, NATS_SERVER_BIN } = process.env;
  const env = { PATH, HOME: HOME ?? home, RUNNER_RELAY_ANSWER_WAIT: "500ms" };
  if (NATS_SERVER_BIN !== undefined) env.NATS_SERVER_BIN = NATS_SERVER_BIN;
  const main = join(root, "src", "cli", "main.ts");
  const args = [main, "up", "--data", join(home, "data"), "--ready-file", join(home, "ready.json")];
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk) => (said = `${said}${chunk}`.slice(-4000)));
  child.once("exit", (code) => {
    if (process.exitCode === undefined) fail(`\`up\` ended with ${code}: ${said}`);
  });
  return child;
}

async function ready() {
  for (const from = Date.now(); Date.now() - from < READY_MS; await sleep(100)) {
    try {
      return JSON.parse(readFileSync(join(home, "ready.json"), "utf8"));
    } catch {
      // not written yet
    }
  }
  return fail("`up` is not ready");
}

/** Makes what valid requests can name. */
async function prepare(gateway) {
  const send = async (path, body, headers = {}) => {
    const response = await fetch(gateway + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    if (!response.ok) fail(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const { runner_id: runner } = await send("/runner/register", {
    hostname: hostname(),
    project_dir: home,
    executor_profile: "default",
  });
  const { run_id: run, session_id } = await send("/runs", {
    type: "start_session",
    parameters: { prompt: "hi" },
  });
  const event = { session_id, event_type: "message", timestamp: new Date().toISOString() };
  const { event_id, stream_seq: seq } = await send("/events", event, { prefer: "respond-async" });
  return { runner, run, event: event_id, seq };
}

/** True if nothing was found. */
function run(mode, gateway, known) {
  console.log(`== ${mode}: ${cases} cases for each operation`);
  const options = ["--mode", mode, "--max-examples", cases, "--checks", "all", "--workers", "2"];
  // what is valid is accepted, and what is not is refused; a negative case may have valid parts
  const excluded = mode === "negative" ? ["--exclude-checks", "positive_data_acceptance"] : [];
  const limits = ["--request-timeout", "60", "--phases", "examples,coverage,fuzzing"];
  const { status, error } = spawnSync(
    st,
    [
      "--config-file",
      join(here, "schemathesis.toml"),
      "run",
      `${gateway}/_relay/openapi.json`,
      ...options,
      ...excluded,
      ...limits,
    ],
    {
      cwd: home, // it keeps what it found here
      env: {
        ...process.env,
        SCHEMATHESIS_HOOKS: "hooks",
        PYTHONPATH: here,
        PYTHONDONTWRITEBYTECODE: "1",
        CONTRACT_KNOWN: JSON.stringify(known),
      },
      stdio: "inherit",
    },
  );
  if (error !== undefined) console.error(`contract: ${error.message}`);
  return status === 0;
}

function fail(message) {
  console.error(`contract: ${message}`);
  process.exit(1);
}
