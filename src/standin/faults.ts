import { isObject } from "./validation.ts";

/** What the stand-in does to a request instead of, or after, answering it. */
export type FaultAction =
  /** A fixed answer. A text body is sent as HTML unless `headers` say otherwise, an object as JSON. */
  | {
      kind: "status";
      status: number;
      headers?: Record<string, string>;
      body?: string | Record<string, unknown>;
    }
  /** One status after the other, `{"detail": …}` as body; 0 lets a request through. When it is used up, the rule is over. */
  | { kind: "sequence"; statuses: number[]; headers?: Record<string, string> }
  /** Never answers; the connection stays open. */
  | { kind: "hang" }
  /** Answers normally, `ms` later. */
  | { kind: "delay"; ms: number }
  /** Breaks the connection (RST) before the answer, or when its head has been sent. */
  | { kind: "reset"; at: "before_head" | "after_head" }
  /** Sends half of the normal answer's body and breaks the connection. */
  | { kind: "half_body" }
  /** Sends bytes that are no HTTP. */
  | { kind: "garbage" }
  | { kind: "redirect"; location: string; status?: number }
  /** 200 with a web page, as a proxy or a captive portal would. */
  | { kind: "html" }
  /** Sends the normal answer's body byte by byte, over `ms` in all. */
  | { kind: "slow"; ms: number };

export type FaultRule = {
  method?: string;
  /** Regular expression on the path, without the query. */
  path?: string;
  session?: string;
  /** Text that the body must contain. */
  body?: string;
  /** How often it strikes; without it, always. */
  times?: number;
  /** How many matching requests it lets pass first. */
  skip?: number;
  /** Chance of each strike, 0 to 1. */
  probability?: number;
  /** Whether the coordinator carries the request out first. Default: only where the action shows the normal answer, and with a reset after the head. */
  apply?: boolean;
  action: FaultAction;
};

/** A fault that strikes a request. */
export type Strike = { action: Exclude<FaultAction, { kind: "sequence" }>; apply: boolean };

export type Target = { method: string; path: string; session: string | undefined; text: string };

export type Faults = ReturnType<typeof createFaults>;

const SHOWS_NORMAL = new Set<FaultAction["kind"]>(["delay", "slow", "half_body"]);

/** The rules in force. The first one that matches strikes. `random` gives numbers from 0 to below 1. */
export function createFaults(random: () => number) {
  let rules: { rule: FaultRule; path: RegExp | undefined; seen: number; strikes: number }[] = [];

  return {
    get active(): boolean {
      return rules.length > 0;
    },
    set(next: readonly FaultRule[]): void {
      rules = next.map((rule) => ({
        rule,
        path: rule.path === undefined ? undefined : new RegExp(rule.path),
        seen: 0,
        strikes: 0,
      }));
    },
    clear(): void {
      rules = [];
    },
    /** The rules with how often each has struck. */
    list: (): (FaultRule & { strikes: number })[] => rules.map(({ rule, strikes }) => ({ ...rule, strikes })),

    strike(target: Target): Strike | undefined {
      for (const entry of rules) {
        const { rule } = entry;
        if (!matches(rule, entry.path, target) || entry.strikes >= limitOf(rule)) continue;
        if (entry.seen++ < (rule.skip ?? 0)) continue;
        if (rule.probability !== undefined && random() >= rule.probability) continue;
        return strikeOf(rule, entry.strikes++);
      }
      return undefined;
    },
  };
}

function limitOf(rule: FaultRule): number {
  const times = rule.times ?? Infinity;
  return rule.action.kind === "sequence" ? Math.min(times, rule.action.statuses.length) : times;
}

function matches(rule: FaultRule, path: RegExp | undefined, target: Target): boolean {
  if (rule.method !== undefined && rule.method !== target.method) return false;
  if (rule.session !== undefined && rule.session !== target.session) return false;
  if (path !== undefined && !path.test(target.path)) return false;
  return rule.body === undefined || target.text.includes(rule.body);
}

function strikeOf(rule: FaultRule, strikes: number): Strike | undefined {
  const { action } = rule;
  if (action.kind !== "sequence") {
    const normal = SHOWS_NORMAL.has(action.kind) || (action.kind === "reset" && action.at === "after_head");
    return { action, apply: rule.apply ?? normal };
  }
  const status = action.statuses[strikes] ?? 0;
  if (status === 0) return undefined;
  const headers = action.headers === undefined ? {} : { headers: action.headers };
  const body = { detail: `scripted ${status}` };
  return { action: { kind: "status", status, body, ...headers }, apply: rule.apply ?? false };
}

/** Every kind of action (docs/operations/stand-in.md). */
export const FAULT_KINDS: ReadonlySet<unknown> = new Set<FaultAction["kind"]>([
  ...(["status", "sequence", "hang", "delay", "reset"] as const),
  ...(["half_body", "garbage", "redirect", "html", "slow"] as const),
]);

/** Rules from the body of `POST /_faults`, or what is wrong with them. */
export function readRules(value: unknown): FaultRule[] | string {
  const list = isObject(value) ? value["rules"] : undefined;
  if (!Array.isArray(list)) return "rules must be a list";
  for (const [i, rule] of list.entries()) {
    if (!isObject(rule) || !isObject(rule["action"])) return `rules[${i}].action is missing`;
    if (!FAULT_KINDS.has(rule["action"]["kind"])) return `rules[${i}].action.kind is unknown`;
    if (rule["action"]["kind"] === "sequence" && !Array.isArray(rule["action"]["statuses"])) {
      return `rules[${i}].action.statuses must be a list`;
    }
    try {
      if (typeof rule["path"] === "string") RegExp(rule["path"]);
    } catch {
      return `rules[${i}].path is no regular expression`;
    }
  }
  return list as FaultRule[];
}
