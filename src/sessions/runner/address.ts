import { codedError } from "../../shared/base/errors.ts";

/** Whose runner it is. */
export type RunnerOf = { session: string; user: string };

/** Where the runners of sessions are. */
export type Addresses = {
  /** The address of a session's runner, with a slash at its end; undefined for names that no address can have. */
  of(runner: RunnerOf): URL | undefined;
  /** Whose runner an address belongs to; undefined if it is none of a runner. */
  at(url: URL): RunnerOf | undefined;
};

/** A label of a host name (RFC 1123): it can be nothing else in a URL. Names with capitals have no runner, because hosts have none, and two names would be one. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const MOST_LABEL = 63;
/** Stand-ins for names while the address is read as a URL. */
const SAMPLE = { session: "rrsession0", user: "rruser0" } as const;

const SETTING = "RUNNER_RELAY_SESSIONS_RUNNER_URL";

/**
 * Reads the address of runners, in which `{session}` and `{user}` stand for names. Each is in a label of the host or a segment of the path of its own: sessions of two users may
 * have one id, and no name may be read as a part of the other. Throws `config_invalid`.
 */
export function readAddresses(template: string): Addresses {
  const base = baseOf(template);
  const parts = base.split(/[./]/);
  const place = (sample: string): string => parts.find((it) => it.includes(sample)) ?? "";
  if (
    place(SAMPLE.session) === place(SAMPLE.user) ||
    place(SAMPLE.session) === "" ||
    place(SAMPLE.user) === ""
  )
    throw codedError(
      "config_invalid",
      `${SETTING} needs {session} and {user}, once each, between dots or slashes`,
    );
  const pattern = new RegExp(
    `^${escaped(base).replace(SAMPLE.session, "(?<session>[a-z0-9-]+)").replace(SAMPLE.user, "(?<user>[a-z0-9-]+)")}`,
  );
  const isName = (name: string, sample: string): boolean =>
    LABEL.test(name) && place(sample).length - sample.length + name.length <= MOST_LABEL;
  return {
    of({ session, user }) {
      if (!isName(session, SAMPLE.session) || !isName(user, SAMPLE.user)) return undefined;
      return new URL(base.replace(SAMPLE.session, session).replace(SAMPLE.user, user));
    },
    at({ href, username, password }) {
      const { session, user } = pattern.exec(href)?.groups ?? {};
      if (session === undefined || user === undefined || username !== "" || password !== "") return undefined;
      return isName(session, SAMPLE.session) && isName(user, SAMPLE.user) ? { session, user } : undefined;
    },
  };
}

/** The address in the form in which URLs are compared, with the stand-ins for names. */
function baseOf(template: string): string {
  const counts = ["{session}", "{user}"].map((name) => template.split(name).length - 1);
  const text = template.replace("{session}", SAMPLE.session).replace("{user}", SAMPLE.user);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || counts.some((count) => count > 1))
    throw codedError("config_invalid", `${SETTING} is no http or https URL with {session} and {user}`);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    throw codedError("config_invalid", `${SETTING} has a login, a query or a fragment`);
  return url.href.endsWith("/") ? url.href : `${url.href}/`;
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
