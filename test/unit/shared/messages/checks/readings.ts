import type { Line } from "../../../../../src/shared/messages/checks/line.ts";
import type { Reading } from "../../../../../src/shared/messages/checks/reading.ts";

export const read = <T>(value: T): Reading<T> => ({ kind: "read", value });
export const failed = { kind: "failed", why: "no answer within 3 s" } as const;

export const brief = (lines: Line[]): string[] =>
  lines.map(({ check, level, text }) => `${level} ${check}: ${text}`);
