import { sameSecret, sealOf } from "./secret.ts";

// secret.ts compares and seals · secret-file.ts keeps · door.ts decides · doorkeeper.ts answers over HTTP

/** A working day. Not renewed by use: one that was stolen ends too. */
export const PASS_MS: number = 12 * 60 * 60 * 1000;
/** Parameter of an address that carries the token. */
export const TOKEN_PARAMETER = "token";

/** What a request brings along. */
export type Brought = {
  authorization: string | undefined;
  cookie: string | undefined;
  /** The token in the address, of a request that may be answered by a redirect. */
  offered: string | undefined;
};

/** `cookie` is a whole `Set-Cookie` value. `wrong`: a token was tried. */
export type Judged =
  | { kind: "open" }
  | { kind: "exchange"; cookie: string | undefined }
  | { kind: "closed"; wrong: boolean };

export type Door = {
  judge(brought: Brought): Judged;
  /** A cookie for a token; undefined for a wrong one. */
  exchange(token: string): string | undefined;
};

/**
 * Who may see and do what a port of ours shows. Programs send the token itself (`Authorization: Bearer`). A browser offers it once, in an
 * address, and gets a cookie: an end time with a seal, which is not the token and ends with it. Nothing is remembered, so that a cookie
 * outlives a restart. `wall`: milliseconds since 1970.
 */
export function createDoor({ token, wall }: { token: string; wall: () => number }): Door {
  // browsers keep no cookies apart by port: a name of its own per token, so that two pages of one machine do not replace each other's
  const name = `rr-page-${sealOf(token, "name").slice(0, 8)}`;
  const seal = (until: string): string => sealOf(token, `pass ${until}`);

  function makePass(): string {
    const until = (wall() + PASS_MS).toString(36);
    return `${name}=${until}.${seal(until)}; Path=/; Max-Age=${PASS_MS / 1000}; HttpOnly; SameSite=Strict`;
  }

  function isPass(pass: string): boolean {
    const [until = "", given = "", ...more] = pass.split(".");
    if (more.length > 0 || !/^[0-9a-z]{1,10}$/.test(until) || !sameSecret(given, seal(until))) return false;
    const rest = Number.parseInt(until, 36) - wall();
    return rest > 0 && rest <= PASS_MS; // a clock that went back makes none longer
  }

  const holdsPass = (cookie = ""): boolean =>
    cookie
      .split(";")
      .map((pair) => pair.trim())
      .some((pair) => pair.startsWith(`${name}=`) && isPass(pair.slice(name.length + 1)));

  const isToken = (given: string): boolean => sameSecret(given, token);

  return {
    judge({ authorization, cookie, offered }) {
      const bearer = bearerOf(authorization);
      if (bearer !== undefined && isToken(bearer)) return { kind: "open" };
      if (offered !== undefined && isToken(offered)) return { kind: "exchange", cookie: makePass() };
      if (holdsPass(cookie))
        // an old address of somebody who is in loses its token too; a pass gives no other pass
        return offered === undefined ? { kind: "open" } : { kind: "exchange", cookie: undefined };
      return { kind: "closed", wrong: bearer !== undefined || offered !== undefined };
    },
    exchange: (given) => (isToken(given) ? makePass() : undefined),
  };
}

/** The address that lets a browser in. Pure. */
export function addressWithToken(url: string, token: string): string {
  const address = new URL(url);
  address.searchParams.set(TOKEN_PARAMETER, token);
  return address.href;
}

function bearerOf(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+)$/i.exec(authorization?.trim() ?? "")?.[1];
}
