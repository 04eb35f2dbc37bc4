import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { flip, flipHead, truncate } from "../support/store.ts";

/** A damage, and how it is done to the store in a folder. */
export type Harm = { name: string; to: (store: string) => void };

/** What can happen to each file of a store, and to each folder of a stream. Consumers are harmed all alike: there are eight of them. */
export function harmsTo(store: string): Harm[] {
  const ways: [string, (file: string) => void][] = [
    ["removed", (file) => rmSync(file)],
    ["truncated", (file) => truncate(file, 0.6)],
    ["emptied", (file) => truncate(file, 0)],
    ["flipped", (file) => flip(file, 0.5)],
  ];
  const kinds = new Set(filesIn(store).map((file) => kindOf(relative(store, file))));
  const files = [...kinds].sort().flatMap((kind) =>
    ways.map(([way, harm]): Harm => ({
      name: `${kind} ${way}`,
      to: (at) =>
        filesIn(at)
          .filter((file) => kindOf(relative(at, file)) === kind)
          .forEach(harm),
    })),
  );
  const folders = readdirSync(store).flatMap((stream): Harm[] => [
    { name: `${stream} removed`, to: (at) => rmSync(join(at, stream), { recursive: true }) },
    { name: `${stream}/msgs removed`, to: (at) => rmSync(join(at, stream, "msgs"), { recursive: true }) },
    {
      name: `${stream} flipped, no index`,
      to(at) {
        rmSync(join(at, stream, "msgs/index.db"), { force: true });
        for (const file of filesIn(join(at, stream, "msgs"))) if (file.endsWith(".blk")) flip(file, 0.7);
      },
    },
    ...(["length", "number", "far", "time", "subject"] as const).map((part) => ({
      name: `${stream} ${part} flipped`,
      to: (at: string) =>
        filesIn(join(at, stream, "msgs"))
          .filter((file) => file.endsWith(".blk"))
          .forEach((file) => flipHead(file, part)),
    })),
  ]);
  return [...files, ...folders];
}

function kindOf(path: string): string {
  return path.replace(/obs\/[^/]+/, "obs/*").replace(/\d+\.blk$/, "*.blk");
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile());
}
