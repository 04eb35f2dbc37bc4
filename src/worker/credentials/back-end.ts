import type { Provider } from "./providers.ts";

/** Where credentials are fetched. */
export type BackEnd = {
  /** Without a slash at its end. */
  url: string;
  project: string;
  /** Credentials that are asked for by an id of their own. */
  ids: Readonly<Record<string, string>>;
};

/** Why tokens are not sent to this URL; undefined if they are. In clear text they go only to this machine and to services of the cluster, by their exact names. Pure. */
export function backEndProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return "is not a URL";
  const { protocol, hostname } = new URL(text);
  if (protocol === "https:") return undefined;
  if (protocol !== "http:") return "is neither https nor http";
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  const ofCluster = /^[a-z0-9-]+\.[a-z0-9-]+\.svc(?:\.cluster\.local)?$/.test(hostname);
  return local || ofCluster
    ? undefined
    : "sends tokens in clear text beyond this machine and the services of its cluster; use https";
}

/** The URL of a provider's credential. Undefined if a name in it would lead to another place. Pure. */
export function credentialUrl(
  { url, project, ids }: BackEnd,
  of: { provider: Provider; session: string },
): URL | undefined {
  const { provider, session } = of;
  const id = Object.hasOwn(ids, provider) ? ids[provider] : undefined;
  const names =
    id === undefined
      ? ["projects", project, "agentic-sessions", session, "credentials", ...provider.split("/")]
      : ["api", "ambient", "v1", "projects", project, "credentials", id, "token"];
  const path = names.map((name) => encodeURIComponent(name.toWellFormed())).join("/");
  const made = new URL(`${url}/${path}`);
  const above = new URL(url).pathname.replace(/\/$/, "");
  return made.pathname === `${above}/${path}` ? made : undefined; // `..` is not encoded, and leads elsewhere
}

/** A user's name as a header: what other characters it has is left out, as back ends expect it. Pure. */
export function userHeader(user: string): string {
  return user
    .trim()
    .slice(0, 255)
    .replaceAll(/[^a-zA-Z0-9@._-]/g, "");
}
