import type { Step } from "./steps.ts";

/**
 * Makes a counterexample small: leaves out halves, quarters and so on down to single steps, as long as what is left still fails. Every try runs the whole history
 * again, so the number of tries is bounded.
 */
export async function shrink(
  steps: readonly Step[],
  fails: (steps: readonly Step[]) => Promise<boolean>,
  mostTries = 400,
): Promise<readonly Step[]> {
  let left = steps;
  let tries = 0;
  for (let size = Math.ceil(left.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < left.length && tries < mostTries;) {
      const fewer = [...left.slice(0, at), ...left.slice(at + size)];
      tries++;
      if (fewer.length > 0 && (await fails(fewer))) left = fewer;
      else at += size;
    }
  }
  return left;
}
