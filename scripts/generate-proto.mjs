// `node scripts/generate-proto.mjs` after a change of a .proto file: writes src/sessions/dialects/ambient/wire anew. The generator comes by npx, because its 93 MB
// are needed once a year. Enums become constants: Node runs the sources as they are, and takes the types off only.

import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const tools = ["-p", "@bufbuild/buf@1.75.0", "-p", "@bufbuild/protoc-gen-es@2.17.0"];
execFileSync("npx", ["-y", ...tools, "buf", "generate"], { cwd: join(root, "proto"), stdio: "inherit" });

const wire = join(root, "src/sessions/dialects/ambient/wire");
for (const name of readdirSync(wire, { recursive: true, encoding: "utf8" })) {
  if (!name.endsWith(".ts")) continue;
  const file = join(wire, name);
  const text = readFileSync(file, "utf8").replace("/* eslint-disable */\n", "");
  writeFileSync(file, text.replaceAll(/export enum (\w+) \{(.*?)^\}/gms, constant));
}

function constant(_whole, name, members) {
  return `export const ${name} = {${members.replaceAll(/^( {2}\w+) = (\d+)/gm, "$1: $2")}} as const;
export type ${name} = (typeof ${name})[keyof typeof ${name}]`;
}
