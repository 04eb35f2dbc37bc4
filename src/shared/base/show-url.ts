/**
 * A URL, or several with commas, as it may be printed: the one way for logs, errors, files and pages. User, password and token are left
 * out, whether or not they are encoded as they should be, and so is a query, which may hold a token. Pure.
 */
export function showUrl(url: string): string {
  if (!/[@?]/.test(url)) return url;
  return url
    .split(/,(?=\s*[a-z][\w+.-]*:\/\/)/i)
    .map((one) => withoutQuery(withoutUser(one)))
    .join(",");
}

/** A text for people in which URLs may stand, such as a foreign error's. Pure. */
export function showUrlsIn(text: string): string {
  if (!text.includes("@")) return text;
  return text.replaceAll(/\b[a-z][\w+.-]*:\/\/[^\s"'<>`]+/gi, (url) =>
    url.includes("@") ? showUrl(url) : url,
  );
}

/** What may be secret in the user's place of the URLs in a text: all of it and the password, as written and decoded. Pure. */
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

/** The last `@` counts: passwords hold some, and a path that does is no loss. */
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
