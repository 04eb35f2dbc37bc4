import { join } from "node:path";
import { isPort } from "../shared/base/port-number.ts";
import { readKeptFileSync } from "../shared/base/short-file.ts";

/** The port and the users, which are kept between starts, because running gateways and relays and people's `nats` contexts use both. -1: any free port. */
export type Kept = { port: number; passwords: Record<string, string> };

/** The file in the data folder. */
export function keptFile(dataDir: string): string {
  return join(dataDir, "broker", "kept.json");
}

/** Reads what a data folder keeps of its broker. Each value that is damaged or missing is made anew. */
export function readKept(dataDir: string): Kept {
  try {
    return keptIn(JSON.parse(readKeptFileSync(keptFile(dataDir))));
  } catch {
    return keptIn(undefined); // this is the first start, or an earlier one was interrupted
  }
}

/** Pure. */
export function keptIn(value: unknown): Kept {
  const { port, passwords } = objectOf(value);
  return {
    port: isPort(port) ? port : -1,
    passwords: Object.fromEntries(
      Object.entries(objectOf(passwords)).filter((entry): entry is [string, string] => isPassword(entry[1])),
    ),
  };
}

/** True for passwords in the form in which we make them. Others could have a meaning in the broker's configuration, or be easy to guess. */
function isPassword(value: unknown): boolean {
  return typeof value === "string" && /^[\w-]{16,}$/.test(value);
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
