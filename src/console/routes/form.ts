import type { FastifyInstance, FastifyRequest } from "fastify";

const FORM = "application/x-www-form-urlencoded";

/** Lets a server read what a browser's form sends. */
export function readForms(app: FastifyInstance): void {
  app.addContentTypeParser(FORM, { parseAs: "string" }, (_request, body, done) =>
    done(null, new URLSearchParams(String(body))),
  );
}

/** The fields of a form; none for any other body. */
export function formOf({ body }: FastifyRequest): URLSearchParams {
  return body instanceof URLSearchParams ? body : new URLSearchParams();
}
