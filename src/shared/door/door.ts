import { sameSecret, sealOf } from "./secret.ts";

// secret.ts compares and seals · secret-file.ts keeps · door.ts decides · doorkeeper.ts answers over HTTP

/** A working day; renewed while the page is used. */
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

/** `renew` and `cookie` are whole `Set-Cookie` values. `wrong`: a token was tried. */
export type Judged =
  | { kind: "open"; renew: string | undefined }
  | { kind: "exchange"; cookie: string }
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

  /** Milliseconds that a pass is good for; 0 for none of ours. */
  function restOf(pass: string): number {
    const [until = "", given = "", ...more] = pass.split(".");
    if (more.length > 0 || !/^[0-9a-z]{1,10}$/.test(until) || !sameSecret(given, seal(until))) return 0;
    const rest = Number.parseInt(until, 36) - wall();
    return rest > 0 && rest <= PASS_MS ? rest : 0;
  }

  function bestPass(cookie: string): number {
    const passes = cookie
      .split(";")
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(`${name}=`))
      .map((pair) => restOf(pair.slice(name.length + 1)));
    return Math.max(0, ...passes);
  }

  const isToken = (given: string): boolean => sameSecret(given, token);

  return {
    judge({ authorization, cookie, offered }) {
      const bearer = bearerOf(authorization);
      if (bearer !== undefined && isToken(bearer)) return { kind: "open", renew: undefined };
      const rest = cookie === undefined ? 0 : bestPass(cookie);
      // an old address of somebody who is in already loses its token all the same
      if (offered !== undefined && (rest > 0 || isToken(offered)))
        return { kind: "exchange", cookie: makePass() };
      if (rest > 0) return { kind: "open", renew: rest < PASS_MS / 2 ? makePass() : undefined };
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
