import type { Row } from "./row.ts";
import { away } from "./rows/away.ts";
import { backlog } from "./rows/backlog.ts";
import { batch, drain } from "./rows/drain.ts";
import { hooks } from "./rows/hooks.ts";
import { ingest } from "./rows/ingest.ts";
import { latency } from "./rows/latency.ts";
import { memory } from "./rows/memory.ts";
import { passthrough } from "./rows/passthrough.ts";
import { path } from "./rows/path.ts";
import { rivals } from "./rows/rivals.ts";
import { scale } from "./rows/scale.ts";
import { start } from "./rows/start.ts";
import { takeover } from "./rows/takeover.ts";
import { turns } from "./rows/turns.ts";
import { watch } from "./rows/watch.ts";

/** In the order in which they run. */
export const ROWS: readonly Row[] = [
  ingest,
  latency,
  passthrough,
  path,
  drain,
  batch,
  backlog,
  away,
  rivals,
  scale,
  start,
  memory,
  watch,
  turns,
  hooks,
  takeover,
];

export const ROW_NAMES: readonly string[] = ROWS.map(({ name }) => name);
