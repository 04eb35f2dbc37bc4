/** The result of one check. `warn`: it works now. `fail`: it does not work, or something is lost. */
export type Line = {
  check: string;
  level: "ok" | "warn" | "fail";
  text: string;
  /** Advice on what to do. */
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
