import { basename } from "node:path";
import { patchSources } from "../../../simulation/sources.ts";
import { MISTAKES } from "./mistakes.ts";

// Makes a mistake in the process that it is loaded into: `node --import preload.ts?NAME MAIN`.

const name = basename(new URL(import.meta.url).search.slice(1));
const mistake = MISTAKES[name];
if (mistake === undefined) throw new Error(`no mistake is named ${name}`);
patchSources(mistake.patches);
