import { isRefusal, refuse, type Access, type Caller, type Refusal } from "./caller.ts";
import { credentialOf } from "./credential.ts";
import type { Expiries } from "./expiries.ts";
import type { KeyRing } from "./key-ring.ts";
import { OWN_USER, SCOPES } from "./keys.ts";
import { isTokenLike, type Tokens } from "./tokens.ts";

// credential.ts finds the key or token of a request · keys.ts reads keys, key-ring.ts keeps those that are valid · tokens.ts checks JWTs with the keys
// of issuer-keys.ts, expiries.ts ends them · caller.ts is who that is · user-limits.ts how much they may do, workspaces.ts where
// Beside them: page-guard.ts refuses web pages · exposure.ts says where the server may listen

const NEVER = new AbortController().signal;

/** The caller of a server that takes requests without a credential. */
const ANYBODY: Caller = { user: OWN_USER, scopes: new Set(SCOPES), open: true, ended: NEVER };

const MISSING = refuse("inbound_unauthorized", "a key or a token is required");
/** The same for an unknown key, a removed one, and a token that is wrong in any way. */
const WRONG = refuse("inbound_unauthorized", "the key or token is not valid");
const SEVERAL = refuse("inbound_unauthorized", "the request carries different keys; send one");

/** Who sends a request. `tokens` is there if an issuer is configured. With `open`, whatever is not known counts as nobody's. */
export function createAccess(deps: {
  keys: KeyRing;
  tokens: Tokens | undefined;
  expiries: Expiries;
  open: boolean;
}): Access {
  const { keys, tokens, expiries, open } = deps;

  async function callerOf(secret: string): Promise<Caller | Refusal> {
    const known = keys.find(secret);
    if (known !== undefined) return known;
    if (tokens === undefined || !isTokenLike(secret)) return WRONG;
    const token = await tokens.read(secret);
    if (token.kind === "unchecked")
      return refuse(
        "issuer_unreachable",
        "the issuer's keys cannot be had, so that the token cannot be checked",
      );
    if (token.kind === "invalid") return WRONG;
    const { user, scopes, until } = token;
    return { user, scopes, open: false, ended: expiries.signalAt(until) };
  }

  return {
    async caller({ headers }) {
      const sent = credentialOf(headers);
      if (sent.kind === "none") return open ? ANYBODY : MISSING;
      if (sent.kind === "several") return open ? ANYBODY : SEVERAL;
      const caller = await callerOf(sent.secret);
      return open && isRefusal(caller) ? ANYBODY : caller;
    },
  };
}
