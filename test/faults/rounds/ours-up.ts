import { join } from "node:path";
import packageFile from "../../../package.json" with { type: "json" };
import { without } from "../../support/up.ts";
import { deadMarkers } from "../stage.ts";
import { startUpHome } from "../up-home.ts";
import { brokerVersion } from "./broker-version.ts";
import { createClock, jumpsOf } from "./clock.ts";
import { mountSmallDisk } from "./small-disk.ts";
import type { Stand, Subject } from "./subject.ts";

/** `up` asks for much less for its logs. */
const DISK_BYTES = 512 * 1024 ** 2;

/** The product as its users start it: `up` under a supervisor, on a disk of its own. What `up` starts is killed behind its back. */
export async function startOursUp({ coordinatorUrl, dir }: Stand): Promise<Subject> {
  await using scope = new AsyncDisposableStack();
  const folder = join(dir, "up");
  const disk = mountSmallDisk(folder, DISK_BYTES);
  if (disk !== undefined) scope.use(disk);
  const clock = createClock(dir, "up");
  const { nodeOptions } = clock;
  const dataDir = join(folder, "data");
  const { url, up, child, well, connect } = scope.use(
    await startUpHome({ coordinatorUrl, dir, dataDir, nodeOptions, env: without([]) }),
  );
  const home = scope.move();
  return {
    versions: { "runner-relay": packageFile.version, "nats-server": await brokerVersion() },
    settings: "`up` as it comes, without sessions and console; under a supervisor that starts it again",
    url: () => url,
    parts: [up, child("gateway"), child("relay"), child("nats-server")],
    links: [],
    own: [...jumpsOf(clock), ...(disk?.troubles(well) ?? [])],
    async dead() {
      await using operator = await connect("operator");
      return await deadMarkers(operator);
    },
    [Symbol.asyncDispose]: () => home.disposeAsync(),
  };
}
