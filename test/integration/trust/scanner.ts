import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Somewhere a secret could be: its name, and what is there now. */
export type Place = { name: string; bytes: Buffer };

/** A secret by the name under which a finding shows it. */
export type Needle = { name: string; value: string };

/** Where which secret was found, as `secret in place`. Looks for every form in which a secret travels. */
export function scan(places: readonly Place[], needles: readonly Needle[]): string[] {
  return places.flatMap(({ name: place, bytes }) =>
    needles
      .filter(({ value }) => formsOf(value).some((form) => bytes.includes(form)))
      .map(({ name }) => `${name} in ${place}`),
  );
}

function formsOf(value: string): string[] {
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    new URLSearchParams({ s: value }).toString().slice("s=".length),
    Buffer.from(value).toString("base64"),
    Buffer.from(value).toString("base64url"),
    Buffer.from(value).toString("hex"),
    ...["x", "xx"].map((before) =>
      Buffer.from(before + value)
        .toString("base64")
        .slice(4, -4),
    ),
  ];
}

/** Environment and command line of a process. */
export function placesOfProcess(pid: number, name: string): Place[] {
  return ["environ", "cmdline"].map((what) => ({
    name: `${what} of ${name}`,
    bytes: readFileSync(`/proc/${pid}/${what}`),
  }));
}

/** Every file below a folder. */
export function placesOfFolder(folder: string): Place[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ name: file.slice(folder.length + 1), bytes: readFileSync(file) }));
}

export function placeOfText(name: string, text: string): Place {
  return { name, bytes: Buffer.from(text) };
}

/** One variable of a process's environment. */
export function variableOf(pid: number, variable: string): string | undefined {
  const entries = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  return entries.find((entry) => entry.startsWith(`${variable}=`))?.slice(variable.length + 1);
}
