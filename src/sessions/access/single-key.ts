import { sameSecret } from "../../shared/http/door/secret.ts";
import { refuse, type Access, type Caller, type Scope } from "./caller.ts";

const ALL_SCOPES: ReadonlySet<Scope> = new Set(["read", "write", "user", "admin"]);

/** Whose sessions they are that are made with the one key and name no other user. */
const OWN_USER = "default";

/** Access by one key with all scopes, sent as `Authorization: Bearer` or `X-API-Key`. */
export function singleKeyAccess(key: string): Access {
  const caller: Caller = {
    user: OWN_USER,
    scopes: ALL_SCOPES,
    open: false,
    ended: new AbortController().signal,
  };
  return {
    async caller({ headers }) {
      const given = /^bearer +(\S+)$/i.exec(headers.authorization?.trim() ?? "")?.[1] ?? headers["x-api-key"];
      if (typeof given === "string" && sameSecret(given, key)) return caller;
      return refuse("inbound_unauthorized", "a key is required");
    },
  };
}
