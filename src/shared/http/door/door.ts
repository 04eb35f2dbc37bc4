import { sameSecret, sealOf } from "./secret.ts";

// secret.ts compares and seals · secret-file.ts stores secrets · door.ts decides · doorkeeper.ts answers over HTTP
// The decision is a pure function of a request, so that every way in is tested without a server, and each port that needs a token shares it.

/** Lifetime of a pass: a working day. It is not renewed by use, so that a stolen pass expires, too. */
export const PASS_MS: number = 12 * 60 * 60 * 1000;
/** The query parameter with the token. */
export const TOKEN_PARAMETER = "token";

/** The credentials in a request. */
export type Brought = {
  authorization: string | undefined;
  cookie: string | undefined;
  /** The token in the address, for requests that may be answered with a redirect. */
  offered: string | undefined;
};

/** The decision. `cookie` is a complete `Set-Cookie` value. `wrong`: a wrong token was sent. */
export type Judged =
  | { kind: "open" }
  | { kind: "exchange"; cookie: string | undefined }
  | { kind: "closed"; wrong: boolean };

export type Door = {
  judge(brought: Brought): Judged;
  /** Returns a cookie for the token. Undefined if the token is wrong. */
  exchange(token: string): string | undefined;
};

/**
 * Decides who may use one of our ports. Programs send the token itself (`Authorization: Bearer`). A browser sends it once, in the address, and gets a
 * cookie: a sealed end time, which does not contain the token and becomes invalid with it. No state is kept, so that a cookie survives a restart. `wall`:
 * milliseconds since 1970.
 */
export function createDoor({ token, wall }: { token: string; wall: () => number }): Door {
  // Browsers do not separate cookies by port. Each token gets its own cookie name, so that two pages on one machine do not replace each other's cookie.
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
    return rest > 0 && rest <= PASS_MS; // a clock that was set back must not make a pass longer
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
        // a user with a valid pass is redirected, too, to remove the token from the address, but gets no new pass
        return offered === undefined ? { kind: "open" } : { kind: "exchange", cookie: undefined };
      return { kind: "closed", wrong: bearer !== undefined || offered !== undefined };
    },
    exchange: (given) => (isToken(given) ? makePass() : undefined),
  };
}

/** The address with the token, for a browser. Pure. */
export function addressWithToken(url: string, token: string): string {
  const address = new URL(url);
  address.searchParams.set(TOKEN_PARAMETER, token);
  return address.href;
}

function bearerOf(authorization: string | undefined): string | undefined {
  return /^bearer +(\S+)$/i.exec(authorization?.trim() ?? "")?.[1];
}
