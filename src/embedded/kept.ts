import { join } from "node:path";
import { isPort } from "../shared/base/port-number.ts";
import { readKeptFileSync } from "../shared/base/short-file.ts";

/** What is kept between starts: running gateways and relays, and people's `nats` contexts, hold both. -1: any free port. */
export type Kept = { port: number; passwords: Record<string, string> };

/** Where it is kept, in a data folder. */
export function keptFile(dataDir: string): string {
  return join(dataDir, "broker", "kept.json");
}

/** What a data folder keeps of its broker. What is damaged or missing is as if it was never kept, each for itself: it is made anew. */
export function readKept(dataDir: string): Kept {
  try {
    return keptIn(JSON.parse(readKeptFileSync(keptFile(dataDir))));
  } catch {
    return keptIn(undefined); // the first start, or a start that was cut short
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

/** In the form in which we make them: another one would mean something else in the broker's configuration, or be easily guessed. */
function isPassword(value: unknown): boolean {
  return typeof value === "string" && /^[\w-]{16,}$/.test(value);
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
