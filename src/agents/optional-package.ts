import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { errorText } from "../shared/base/errors.ts";
import { RunnerUnavailableError } from "./port.ts";

/** Loads a package that only some agents need: from where this one is installed, or from `NODE_PATH`. Throws `AGENT_UNAVAILABLE` if it is not there. */
export async function importOptional(name: string): Promise<unknown> {
  try {
    return await import(placeOf(name) ?? name);
  } catch (error) {
    const message = `this agent needs the package ${name}, which cannot be loaded (npm install ${name}): ${errorText(error)}`;
    throw new RunnerUnavailableError(message, { cause: error });
  }
}

/** Is the package there? */
export function hasPackage(name: string): boolean {
  return placeOf(name) !== undefined;
}

function placeOf(name: string): string | undefined {
  try {
    return pathToFileURL(createRequire(import.meta.url).resolve(name)).href;
  } catch {
    return undefined;
  }
}
