import type { Clock } from "../../shared/base/clock.ts";
import { ask } from "./ask.ts";
import { credentialUrl, userHeader, type BackEnd } from "./back-end.ts";
import type { Provider } from "./providers.ts";
import { nextBearer, verdictOf, type Bearer, type Verdict } from "./verdict.ts";

/** The worker's own token at the back end. */
export type ServiceToken = {
  /** Undefined if it has none. */
  current(): Promise<string | undefined>;
  /** Another one in place of `refused`; undefined if there is none. */
  renew(refused: string | undefined): Promise<string | undefined>;
};

export type FetchDeps = { clock: Pick<Clock, "after">; signal: AbortSignal; service: ServiceToken };

/** For whom credentials are fetched. `caller`: the value of their Authorization header, if they gave one. */
export type FetchFor = { session: string; user: string; caller: string | undefined };

/** What the back end gave for a turn. */
export type Fetched = {
  values: Map<Provider, unknown>;
  refused: { provider: Provider; why: string }[];
  unavailable: { provider: Provider; why: string }[];
};

/** Fetches all credentials at once. Rejects with the reason of `deps.signal` only. */
export async function fetchCredentials(
  deps: FetchDeps,
  backEnd: BackEnd,
  providers: readonly Provider[],
  of: FetchFor,
): Promise<Fetched> {
  const bearers = createBearers(deps.service, of.caller);
  const fetched: Fetched = { values: new Map(), refused: [], unavailable: [] };
  await Promise.all(
    providers.map(async (provider) => {
      const url = credentialUrl(backEnd, { provider, session: of.session });
      const end: End =
        url === undefined
          ? { kind: "unavailable", why: "the session's id cannot be a part of a URL" }
          : await fetchOne(deps, bearers, url, userHeader(of.user));
      if (end.kind === "got") fetched.values.set(provider, end.value);
      else fetched[end.kind].push({ provider, why: end.why });
    }),
  );
  return fetched;
}

const NAMES: Record<Bearer, string> = {
  caller: "the caller's token",
  service: "the worker's token",
  renewed: "the worker's new token",
};

type Bearers = {
  has: Promise<{ caller: boolean; service: boolean }>;
  header(of: Bearer): Promise<string | undefined>;
};

/** The tokens of one turn. The worker's own is renewed once for all of its credentials. */
function createBearers(service: ServiceToken, caller: string | undefined): Bearers {
  const current = service.current();
  let renewed: Promise<string | undefined> | undefined;
  const withScheme = (token: string | undefined): string | undefined => token && `Bearer ${token}`;
  return {
    has: current.then((token) => ({ caller: caller !== undefined, service: token !== undefined })),
    async header(of) {
      if (of === "caller") return caller;
      if (of === "service") return withScheme(await current);
      return withScheme(await (renewed ??= current.then((token) => service.renew(token))));
    },
  };
}

type End = Exclude<Verdict, { kind: "refused" }> | { kind: "refused"; why: string };

async function fetchOne(deps: FetchDeps, bearers: Bearers, url: URL, user: string): Promise<End> {
  const has = await bearers.has;
  const tried: string[] = [];
  for (let last: Bearer | undefined; ;) {
    last = nextBearer(last, has);
    const authorization = last && (await bearers.header(last));
    if (last === undefined || authorization === undefined)
      return { kind: "refused", why: tried.join(", ") || "there is no token to ask with" };
    const headers = { authorization, ...(user === "" ? {} : { "x-runner-current-user": user }) };
    const verdict = verdictOf(await ask(deps, url, headers));
    if (verdict.kind !== "refused") return verdict;
    tried.push(`${NAMES[last]} got ${verdict.status}`);
  }
}
