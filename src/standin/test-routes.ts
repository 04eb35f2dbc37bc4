import { detail, json, NO_CONTENT, type Reply } from "./call.ts";
import { readRules, type Faults } from "./faults.ts";
import type { Ledger } from "./ledger.ts";
import type { Route } from "./router.ts";

// What the stand-in has beyond the real coordinator, for tests and campaigns; each part only if it was turned on.

/** `GET /_ledger?since=N` (JSON lines, entries after number N) and `GET /_ledger/summary`. */
export function ledgerRoutes(ledger: Ledger): Route[] {
  return [
    {
      method: "GET",
      path: "/_ledger",
      handle: ({ query }): Reply => {
        const since = Math.max(0, Number(query.get("since") ?? 0)) || 0;
        const lines = ledger.entries.slice(since).map((entry) => `${JSON.stringify(entry)}\n`);
        return { ...NO_CONTENT, status: 200, body: lines.join(""), type: "application/x-ndjson" };
      },
    },
    { method: "GET", path: "/_ledger/summary", handle: () => json(200, ledger.summary()) },
  ];
}

/** `GET`, `POST` (replaces all rules) and `DELETE /_faults`. */
export function faultRoutes(faults: Faults): Route[] {
  return [
    { method: "GET", path: "/_faults", handle: () => json(200, { rules: faults.list() }) },
    {
      method: "POST",
      path: "/_faults",
      handle: ({ text }): Reply => {
        const rules = readRules(parsed(text));
        if (typeof rules === "string") return detail(422, rules);
        faults.set(rules);
        return json(200, { rules: faults.list() });
      },
    },
    {
      method: "DELETE",
      path: "/_faults",
      handle: () => {
        faults.clear();
        return json(200, { rules: [] });
      },
    },
  ];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
