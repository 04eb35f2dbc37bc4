import { findGoTool, type FoundTool, type GoTool } from "./go-tool.ts";

/** The release that docs/operations/nats-cli.md shows. */
const NATS_CLI: GoTool = {
  name: "nats",
  module: "github.com/nats-io/natscli",
  version: "v0.4.0",
  main: "github.com/nats-io/natscli/nats",
  brief: true,
  anyVersion: true,
};

/** The `nats` command: on the PATH, else in our cache, else built by Go from its module proxy into our cache. */
export function findNatsCli(environment: NodeJS.ProcessEnv = process.env): Promise<FoundTool> {
  return findGoTool(NATS_CLI, environment);
}
