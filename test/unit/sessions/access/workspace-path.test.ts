import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { meantFolder, recordedFolder } from "../../../../src/sessions/access/workspace-path.ts";
import { userFolder } from "../../../../src/shared/base/user-folder.ts";

const roots = [
  { named: "/srv/work", real: "/mnt/disk/work" },
  { named: "/data", real: "/data" },
];
const ANN = userFolder("ann");
const BOB = userFolder("bob");

test.each([
  ["/mnt/disk/work/x", undefined, "/srv/work/x"],
  [`/mnt/disk/work/${ANN}/x`, `/srv/work/${ANN}/x`, `/srv/work/${ANN}/x`],
  [`/data/${ANN}`, `/data/${ANN}`, `/data/${ANN}`],
  [`/data/${BOB}/x`, undefined, `/data/${BOB}/x`],
  [`/data/${ANN}x/y`, undefined, `/data/${ANN}x/y`],
  ["/data", undefined, undefined],
  ["/data2/x", undefined, undefined],
  ["/etc", undefined, undefined],
  ["/", undefined, undefined],
  ["/srv/work/x", undefined, undefined], // a link elsewhere by now
  ["/data/..x/y", undefined, "/data/..x/y"],
])("%s: %s for its user, %s for callers that act for all", (folder, forUser, forAll) => {
  const decide = (all: boolean): string | undefined => {
    const it = recordedFolder(folder, { user: "ann", forAll: all, roots });
    return typeof it === "string" ? it : undefined;
  };
  expect([decide(false), decide(true)]).toEqual([forUser, forAll]);
});

test.each([
  ["x/y", `/srv/work/${ANN}/x/y`],
  [".", `/srv/work/${ANN}`],
  ["../x", "/srv/work/x"],
  ["/data/a/../b/", "/data/b"],
  ["~/x", `/srv/work/${ANN}/~/x`],
])("%s means %s", (asked, folder) => {
  expect(meantFolder(asked, "ann", roots)).toBe(folder);
});

test.each(["a\u0000b", "a\nb", "x".repeat(2000), "\ud800"])("no path: %j", (asked) => {
  expect(meantFolder(asked, "ann", roots)).toMatchObject({ code: "field_invalid" });
});

test("USER-1: whatever a user asks for, the folder is below the user's own", () => {
  const part = fc.oneof(
    fc.constantFrom("..", ".", "", ANN, BOB, "srv", "work", "data", "mnt", "disk"),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(part), fc.boolean(), (parts, absolute) => {
      const meant = meantFolder(`${absolute ? "/" : ""}${parts.join("/")}`, "ann", [
        { named: "/data", real: "/data" },
      ]);
      if (typeof meant !== "string") return;
      const folder = recordedFolder(meant, {
        user: "ann",
        forAll: false,
        roots: [{ named: "/data", real: "/data" }],
      });
      if (typeof folder === "string") expect(join(folder, "/")).toMatch(new RegExp(`^/data/${ANN}/`));
    }),
  );
});
