import type { Clock } from "../shared/base/clock.ts";
import { isFromPage } from "../shared/http/web-page.ts";
import { arrivalOf, sessionOfPath } from "./arrival.ts";
import { authRefusal } from "./auth.ts";
import { detail, NO_CONTENT, type Call, type Outcome, type Reply } from "./call.ts";
import type { Faults, Strike } from "./faults.ts";
import type { Ledger } from "./ledger.ts";
import { play, scripted, send } from "./respond.ts";
import type { Match } from "./router.ts";

const NOT_FOUND = detail(404, "Not Found");
/** The stand-in listens on loopback and acts without credentials, so pages of the web must not reach it. */
const FROM_A_PAGE = detail(403, "Requests from web pages are refused");

type Find = (method: string, path: string) => Match;

export type AnsweringDeps = {
  clock: Clock;
  /** Finds the routes of the coordinator's contract. */
  contract: Find;
  /** Finds our own, below `/_`. */
  own: Find;
  faults: Faults;
  ledger: Ledger;
  /** Bearer token that every known route demands. */
  token: string | undefined;
  /** What is kept of requests in the ledger; undefined for nothing. */
  record: "keys" | "requests" | undefined;
  /** The session of a run. */
  runSession: (run: string) => string | undefined;
};

/** Makes a function that answers one request: as the contract says, or as a fault wants it. Every answer is recorded. */
// oxlint-disable-next-line max-lines-per-function -- five short steps of one answer, which share what they were given
export function createAnswering(deps: AnsweringDeps): (call: Call) => void {
  const { clock, contract, own, faults, ledger, token, record, runSession } = deps;

  function handle(call: Call): void {
    if (isFromPage(call.headers)) return send(call.response, FROM_A_PAGE);
    if (call.path.startsWith("/_")) {
      const match = own(call.method, call.path);
      finish(call, match.kind === "found" ? (refusalOf(call) ?? match.handle(call)) : NOT_FOUND);
      return;
    }
    const strike = faults.active
      ? faults.strike({
          method: call.method,
          path: call.path,
          session: sessionOfPath(call.path, runSession),
          text: call.text,
        })
      : undefined;
    if (strike !== undefined && !strike.apply) {
      const reply = scripted(strike);
      note(call, reply ?? { ...NO_CONTENT, status: 0 }, strike);
      if (reply === undefined) play(call.response, strike, NO_CONTENT, clock);
      else send(call.response, reply);
      return;
    }
    finish(call, answer(call), strike);
  }

  function answer(call: Call): Outcome {
    const match = contract(call.method, call.path);
    switch (match.kind) {
      case "none":
        return NOT_FOUND;
      case "method":
        return detail(405, "Method Not Allowed", ["allow", match.allow]);
      case "slash":
        return { ...NO_CONTENT, status: 307, headers: ["location", locationOf(call, match.path)] };
      case "found": {
        call.params = match.params;
        return refusalOf(call) ?? match.handle(call);
      }
    }
  }

  function refusalOf(call: Call): Reply | undefined {
    return token === undefined ? undefined : authRefusal(call.headers.authorization, token);
  }

  function finish(call: Call, outcome: Outcome, strike?: Strike): void {
    if (outcome === "taken") note(call, { ...NO_CONTENT, status: 200 }, strike);
    else if (outcome instanceof Promise) void outcome.then((reply) => finish(call, reply, strike));
    else {
      note(call, outcome, strike);
      if (call.response.closed) return; // a poll that outlived its client
      const made = strike && scripted(strike);
      if (strike === undefined || made !== undefined) send(call.response, made ?? outcome);
      else play(call.response, strike, outcome, clock);
    }
  }

  function note(call: Call, reply: Reply, strike: Strike | undefined): void {
    if (record === undefined || call.path.startsWith("/_")) return;
    ledger.add(
      arrivalOf(call, reply, { strike, at: clock.wall(), whole: record === "requests", runSession }),
      call.text,
    );
  }

  return handle;
}

function locationOf(call: Call, path: string): string {
  const query = call.query.size === 0 ? "" : `?${call.query.toString()}`;
  return `http://${call.headers.host ?? "localhost"}${path}${query}`;
}
