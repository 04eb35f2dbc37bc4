import { findGoTool, type FoundTool, type GoTool } from "./go-tool.ts";

/** The release that docs/operations/nats-cli.md shows. */
const NATS_CLI: GoTool = {
  name: "nats",
  module: "github.com/nats-io/natscli",
  version: "v0.4.0",
  main: "github.com/nats-io/natscli/nats",
  anyVersion: true,
};

/** What the global set-up found; the workers inherit it. */
const FOUND = "TEST_NATS_CLI";
const MISSING = "TEST_NATS_CLI_MISSING";

/** Finds or builds the command once for a whole run, before the first test: inside a test its time would be the test's. */
export async function setUpNatsCli(environment: NodeJS.ProcessEnv = process.env): Promise<void> {
  const found = await findNatsCli(environment);
  if ("path" in found) environment[FOUND] = found.path;
  else environment[MISSING] = found.missing;
}

/** The command that the global set-up found or built, or why there is none. */
export function natsCli(environment: NodeJS.ProcessEnv = process.env): FoundTool {
  const path = environment[FOUND];
  return path === undefined ? { missing: environment[MISSING] ?? "the global set-up did not run" } : { path };
}

/** The `nats` command: on the PATH, else in our cache, else built by Go from its module proxy into our cache. */
export function findNatsCli(environment: NodeJS.ProcessEnv = process.env): Promise<FoundTool> {
  return findGoTool(NATS_CLI, environment);
}
