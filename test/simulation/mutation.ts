import type { Patch } from "./sources.ts";
import type { Part } from "./steps.ts";

/** A mistake that somebody could make, and the part of the simulation that has to find it. */
export type Mutation = {
  name: string;
  part: Part | "sessions";
  patches: readonly Patch[];
  /** The first seed, for what is so rare that 10,000 histories from seed 1 on do not show it. */
  from?: number;
};

/** A mistake in one place. */
export function one(
  name: string,
  part: Mutation["part"],
  file: string,
  find: string,
  replace: string,
): Mutation {
  return { name, part, patches: [{ file, find, replace }] };
}
