import { startBullmq } from "../rivals/bullmq.ts";
import { startRestate } from "../rivals/restate.ts";
import { startOursUp } from "./ours-up.ts";
import { startOursR3 } from "./ours-r3.ts";
import { startOurs } from "./ours.ts";
import type { Stand, Subject } from "./subject.ts";

/** What the rounds can be played against: the product, and others in the way that they recommend themselves. */
export const SUBJECTS: Record<string, (stand: Stand) => Promise<Subject>> = {
  ours: (stand) => startOurs(stand),
  "ours-up": startOursUp,
  "ours-r3": startOursR3,
  bullmq: (stand) => startBullmq(stand, "aof"),
  "bullmq-default": (stand) => startBullmq(stand, "default"),
  restate: startRestate,
};
