/** The problem with the form of a body, or its media type in short form. Pure. */
export type BodyForm = { ok: true; type: string } | { ok: false; detail: string };

const JSON_TYPE = "application/json";

/** The body must be JSON in UTF-8, not compressed: `application/json`, `application/…+json`, or no type at all, as some executors send it. */
export function bodyForm(contentType: string | undefined, contentEncoding: string | undefined): BodyForm {
  if (contentEncoding !== undefined && !/^\s*(?:identity)?\s*$/i.test(contentEncoding)) {
    return { ok: false, detail: "compressed bodies are not accepted" };
  }
  if (contentType === undefined || contentType === "" || contentType === JSON_TYPE)
    return { ok: true, type: JSON_TYPE };
  const [essence = "", ...parameters] = contentType.split(";").map((part) => part.trim().toLowerCase());
  if (essence !== JSON_TYPE && !/^application\/[a-z0-9!#$&^_.+-]{1,100}\+json$/.test(essence)) {
    return { ok: false, detail: "the body must be application/json" };
  }
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  if (charset !== undefined && !/^charset="?(?:utf-?8|us-ascii)"?$/.test(charset)) {
    return { ok: false, detail: "the body must be UTF-8" };
  }
  return { ok: true, type: essence };
}
