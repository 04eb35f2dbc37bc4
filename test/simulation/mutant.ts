import { MUTATIONS } from "./mutations.ts";
import { patchSources } from "./sources.ts";

// Runs one mutation, in a process of its own, because sources are changed as they are loaded: `node test/simulation/mutant.ts NUMBER MOST SEED`. Prints what found it.

const [number = "0", most = "10000", seed = ""] = process.argv.slice(2);
const mutation = MUTATIONS[Number(number)];
if (mutation === undefined) throw new Error(`no mutation ${number}`);
patchSources(mutation.patches);

const { runCampaign } = await import("./campaign.ts");
const { provisionedDisk } = await import("./world.ts");
const { histories, failed } = await runCampaign({
  disk: await provisionedDisk(),
  part: mutation.part,
  seed: seed === "" ? (mutation.from ?? 1) : Number(seed),
  histories: Number(most),
  enough: (tally) => tally.failed.length > 0,
});
console.log(JSON.stringify({ histories, ...failed[0] }));
