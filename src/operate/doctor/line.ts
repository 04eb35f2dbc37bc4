/** One thing that was looked at. `warn` works now; `fail` does not, or loses something. */
export type Line = {
  check: string;
  level: "ok" | "warn" | "fail";
  text: string;
  /** What to do about it. */
  todo?: string;
};

export function ok(check: string, text: string): Line {
  return { check, level: "ok", text };
}

export function warn(check: string, text: string, todo: string): Line {
  return { check, level: "warn", text, todo };
}

export function fail(check: string, text: string, todo: string): Line {
  return { check, level: "fail", text, todo };
}
