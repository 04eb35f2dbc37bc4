import * as fc from "fast-check";
import { expect, test } from "vitest";
import { claimOf, type OwnerRoot } from "../../../../src/worker/roots/claim.ts";

const A: OwnerRoot = { root: "a", place: "here" };
/** The same folder after the machine numbered its disks anew. */
const A_ANEW: OwnerRoot = { root: "a2", place: "here" };
const B: OwnerRoot = { root: "b", place: "there" };

const cases: [string, Parameters<typeof claimOf>[0], ReturnType<typeof claimOf>][] = [
  [
    "a new session, whose folder we have",
    { mine: A, before: undefined, silent: false, shared: false },
    { kind: "run", root: A },
  ],
  [
    "a new session, whose folder we have not",
    { mine: undefined, before: undefined, silent: false, shared: false },
    { kind: "tidy", root: undefined },
  ],
  [
    "an equal takes over at once",
    { mine: A, before: A, silent: false, shared: false },
    { kind: "run", root: A },
  ],
  ["another one waits", { mine: B, before: A, silent: false, shared: true }, { kind: "leave" }],
  [
    "another one that waited ends what nobody runs",
    { mine: B, before: A, silent: true, shared: false },
    { kind: "tidy", root: A },
  ],
  [
    "one without any of its folders as well",
    { mine: undefined, before: A, silent: true, shared: true },
    { kind: "tidy", root: A },
  ],
  [
    "a root that is declared shared goes on",
    { mine: B, before: A, silent: true, shared: true },
    { kind: "run", root: B },
  ],
  [
    "the same place of the same machine goes on",
    { mine: A_ANEW, before: A, silent: true, shared: false },
    { kind: "run", root: A_ANEW },
  ],
  [
    "but not while somebody has the old one",
    { mine: A_ANEW, before: A, silent: false, shared: false },
    { kind: "leave" },
  ],
];

test.each(cases)("%s", (_, standing, claim) => {
  expect(claimOf(standing)).toEqual(claim);
});

test("OWNER-1: a session that another root's workers may still run is left alone, and turns run only where the folder is", () => {
  const root = fc.constantFrom(A, A_ANEW, B);
  fc.assert(
    fc.property(
      fc.option(root, { nil: undefined }),
      fc.option(root, { nil: undefined }),
      fc.boolean(),
      fc.boolean(),
      (mine, before, silent, shared) => {
        const claim = claimOf({ mine, before, silent, shared });
        if (before !== undefined && before.root !== mine?.root && !silent) expect(claim.kind).toBe("leave");
        if (claim.kind === "run") expect(claim.root).toBe(mine);
        if (claim.kind === "tidy") expect(claim.root).toBe(before);
      },
    ),
  );
});
