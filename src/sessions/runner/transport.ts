import type { Addresses, RunnerOf } from "./address.ts";

/** The token by which a session's runner knows us; undefined if there is none. */
export type RunnerToken = (runner: RunnerOf) => Promise<string | undefined>;

/** Sends a request to a runner. Redirects are not followed. */
export type RunnerFetch = (url: URL, init: RequestInit) => Promise<Response>;

/** The header in which a runner expects its token. */
const TOKEN_HEADER = "X-Ambient-Session-Token";

/**
 * The one way to runners. Calls to a runner's address get its token, and no other call does, wherever its address comes from. The token is asked for with each call, because it
 * changes; without one the call is sent without.
 */
export function createRunnerFetch(deps: {
  addresses: Addresses;
  token: RunnerToken;
  fetch: typeof fetch;
}): RunnerFetch {
  const { addresses, token } = deps;
  return async (url, init) => {
    const headers = new Headers(init.headers);
    headers.delete(TOKEN_HEADER);
    const runner = addresses.at(url);
    const secret = runner === undefined ? undefined : await token(runner);
    if (secret !== undefined) headers.set(TOKEN_HEADER, secret);
    return await deps.fetch(url, { ...init, headers, redirect: "manual" });
  };
}
