// A process of its own that holds a broker: `holder.ts DATA_FOLDER NATS_SERVER GUARD`. Prints one line of JSON, then waits to be killed.
import { orphanGuard } from "../../../src/embedded/orphan.ts";
import { startBroker } from "../../../src/embedded/server.ts";
import { isCoded } from "../../../src/shared/base/errors.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";

const [dataDir = "", binary = "", guardKind] = process.argv.slice(2);
const guard =
  guardKind === "pipe" ? { kind: "pipe" as const } : orphanGuard(process.platform, process.env["PATH"]);
try {
  const broker = await startBroker({
    binary,
    dataDir,
    gateways: [{ gateway: "gw1", runner: "r" }],
    log: silentLogger(),
    guard,
  });
  console.log(JSON.stringify({ ready: broker.url, pid: broker.pid(), guard: guard.kind }));
} catch (error) {
  console.log(JSON.stringify({ failed: isCoded(error) ? error.code : String(error) }));
  process.exitCode = 1;
}
