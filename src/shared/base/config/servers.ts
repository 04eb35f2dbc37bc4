/** The servers of a `NATS_URL`, and the login if it has one. */
export type Servers = {
  /** Without user, password or token. */
  servers: string[];
  user?: string;
  password?: string;
  token?: string;
};

type Login = Omit<Servers, "servers">;

/**
 * Parses `nats://user:password@host:4222`, `nats://token@host` and comma-separated lists of them, as other NATS clients do: a user without a
 * password is a token, percent-encoding is undone, and the scheme is optional. A connection has one login, so different logins are refused, and
 * servers without one get the same. Problems do not quote the text. Pure.
 */
export function readServers(text: string): ({ ok: true } & Servers) | { ok: false; problem: string } {
  const servers: string[] = [];
  let login: Login | undefined;
  for (const part of text.split(",").map((one) => one.trim())) {
    if (part === "") continue;
    const read = readServer(part);
    if (read === undefined)
      return {
        ok: false,
        problem: "must be URLs such as nats://host:4222, in a password `@:/?#,%` percent-encoded",
      };
    servers.push(read.server);
    if (read.login === undefined) continue;
    if (login !== undefined && !isSame(login, read.login))
      return { ok: false, problem: "must not carry different logins: a connection has one for all servers" };
    login = read.login;
  }
  if (servers.length === 0) return { ok: false, problem: "must name a server such as nats://127.0.0.1:4222" };
  return { ok: true, servers, ...login };
}

function readServer(text: string): { server: string; login: Login | undefined } | undefined {
  const scheme = /^[a-z][\w+.-]*:\/\//i.exec(text)?.[0] ?? "";
  const rest = text.slice(scheme.length);
  const end = rest.lastIndexOf("@");
  const place = rest.slice(end + 1);
  const url = URL.parse(`${scheme === "" ? "nats://" : scheme}${place}`);
  if (url === null || url.hostname === "" || /[?#]/.test(place) || /[/?#\s]/.test(rest.slice(0, end + 1)))
    return undefined;
  if (end < 0) return { server: text, login: undefined };
  const login = loginOf(rest.slice(0, end));
  return login === undefined
    ? undefined
    : { server: scheme + place, login: Object.keys(login).length === 0 ? undefined : login };
}

function loginOf(text: string): Login | undefined {
  const colon = text.indexOf(":");
  try {
    const user = decodeURIComponent(colon < 0 ? text : text.slice(0, colon));
    if (colon < 0) return user === "" ? {} : { token: user };
    return { user, password: decodeURIComponent(text.slice(colon + 1)) };
  } catch {
    return undefined;
  }
}

function isSame(a: Login, b: Login): boolean {
  return a.user === b.user && a.password === b.password && a.token === b.token;
}
