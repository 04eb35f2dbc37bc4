import { expect, test } from "vitest";
import { folderProblem } from "../../../src/cli/up/kept.ts";

test.each([
  ["ours alone", { uid: 1000, mode: 0o40700 }, 1000, undefined],
  ["ours, others may read", { uid: 1000, mode: 0o40755 }, 1000, undefined],
  ["a volume of root's with our group", { uid: 0, mode: 0o42775 }, 1000, undefined],
  ["another user's, and we are root", { uid: 1000, mode: 0o40755 }, 0, undefined],
  ["where users have no numbers", { uid: 0, mode: 0o40700 }, undefined, undefined],
  ["another user's", { uid: 1001, mode: 0o40755 }, 1000, /another user/],
  ["writable by everybody", { uid: 1000, mode: 0o40777 }, 1000, /everybody/],
  ["such as /tmp", { uid: 0, mode: 0o41777 }, 1000, /everybody/],
  ["root's, and we are root, writable by everybody", { uid: 0, mode: 0o40702 }, 0, /everybody/],
])("a data folder that is %s", (_, folder, us, problem) => {
  if (problem === undefined) expect(folderProblem(folder, us)).toBeUndefined();
  else expect(folderProblem(folder, us)).toMatch(problem);
});
