/**
 * Makes a URL, or a comma-separated list of them, safe to print in logs, errors, files and pages. User, password and token are removed, even if they are
 * not encoded correctly, and so is the query, which may contain a token. Pure.
 */
export function showUrl(url: string): string {
  if (!/[@?]/.test(url)) return url;
  return url
    .split(/,(?=\s*[a-z][\w+.-]*:\/\/)/i)
    .map((one) => withoutQuery(withoutUser(one)))
    .join(",");
}

/** The same for a text that may contain URLs, such as a foreign error's. Pure. */
export function showUrlsIn(text: string): string {
  if (!text.includes("@")) return text;
  return text.replaceAll(/\b[a-z][\w+.-]*:\/\/[^\s"'<>`]+/gi, (url) =>
    url.includes("@") ? showUrl(url) : url,
  );
}

/** The possible secrets in the URLs of a text: each login as a whole and its password, as written and decoded. Pure. */
export function secretsOfUrls(text: string): string[] {
  const users = [...text.matchAll(/:\/\/([^\s"'<>]*)@/g)].flatMap(([, user = ""]) =>
    user
      .split(/,[\w+.-]+:\/\//)
      .map((one) => one.slice(0, one.includes("@") ? one.lastIndexOf("@") : undefined)),
  );
  return users
    .flatMap((user) => (user.includes(":") ? [user, user.slice(user.indexOf(":") + 1)] : [user]))
    .flatMap((secret) => [secret, decoded(secret)]);
}

/** The last `@` ends the login, because passwords may contain one. If a path contains one, hiding too much does no harm. */
function withoutUser(url: string): string {
  const end = url.lastIndexOf("@");
  if (end < 0) return url;
  const scheme = /^\s*[a-z][\w+.-]*:\/\//i.exec(url)?.[0] ?? "";
  return `${scheme}[secret]@${url.slice(end + 1)}`;
}

function withoutQuery(url: string): string {
  const query = url.indexOf("?");
  return query < 0 || !url.includes("://") ? url : `${url.slice(0, query)}?[secret]`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
