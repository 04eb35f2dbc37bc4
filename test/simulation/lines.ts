import type { Logger } from "../../src/shared/base/logger.ts";

/** Log lines of a simulated world, counted by their message, with the codes that they carry. */
export type Lines = { logger: Logger; counts: Map<string, number>; codes: Map<string, number> };

export function countLines(onLine?: (level: string, fields: unknown, text: string) => void): Lines {
  const counts = new Map<string, number>();
  const codes = new Map<string, number>();
  const at =
    (level: string) =>
    (fields: unknown, text = ""): void => {
      const what = typeof fields === "string" ? fields : text;
      counts.set(what, (counts.get(what) ?? 0) + 1);
      const code =
        typeof fields === "object" && fields !== null && "code" in fields ? String(fields.code) : undefined;
      if (code !== undefined) codes.set(code, (codes.get(code) ?? 0) + 1);
      onLine?.(level, fields, what);
    };
  const levels = ["trace", "debug", "info", "warn", "error", "fatal"];
  const logger = {
    ...Object.fromEntries(levels.map((level) => [level, at(level)])),
    isLevelEnabled: () => onLine !== undefined,
  } as unknown as Logger;
  return { logger, counts, codes };
}
