import { createServer } from "node:net";
import { brokerEnv, findBroker } from "../../src/embedded/binary.ts";
import { errorText } from "../../src/shared/base/errors.ts";
import { createLogger } from "../../src/shared/base/logger.ts";
import { USUAL_PORT } from "../../src/shared/settings/usual-ports.ts";
import { bundleProcesses } from "./bundle/build.ts";

/** Runs once, before the workers start, which inherit what it writes into the environment. */
export default async function setup(): Promise<() => void> {
  await Promise.all([setUpBroker(), setUpBundle()]);
  const leave = Object.values(USUAL_PORT).map(occupy);
  return () => {
    for (const it of leave) it();
  };
}

async function setUpBundle(): Promise<void> {
  process.env["TEST_BUNDLE"] = await bundleProcesses();
}

/** Pause before a port is tried again that another program has. */
const AGAIN_MS = 100;

/**
 * Tests run side by side, and each `up` would keep a usual port that the next one has meanwhile. Where another program has it, that is as good, until it ends: then we take it.
 * Returns what gives it up.
 */
function occupy(port: number): () => void {
  const server = createServer();
  let over = false;
  const listen = (): void => {
    if (!over) server.listen(port, "127.0.0.1");
  };
  server.on("error", () => void setTimeout(listen, AGAIN_MS).unref());
  listen();
  return () => {
    over = true;
    server.close();
  };
}

/**
 * Decides once where the brokers of the tests run; the workers inherit it. `TEST_BROKER=container` wants containers, `local` a process;
 * otherwise a local nats-server is found or fetched, and containers serve where none can be had. Without either the tests that need a
 * broker fail with the reason, the others run.
 */
async function setUpBroker(): Promise<void> {
  const wanted = process.env["TEST_BROKER"];
  if (wanted === "container") return;
  try {
    const log = createLogger({ name: "tests", level: "info", lines: process.stderr });
    const found = await findBroker({ env: brokerEnv(process.env), log });
    process.env["NATS_SERVER_BIN"] = found.path;
  } catch (error) {
    const { engineAnswers } = await import("./broker-container.ts");
    if (wanted !== "local" && (await engineAnswers())) process.env["TEST_BROKER"] = "container";
    else process.env["TEST_BROKER_MISSING"] = errorText(error);
  }
}
