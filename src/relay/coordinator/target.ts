import type { Envelope } from "../../shared/log/schema/envelope.ts";
import { pathSegment } from "../../shared/log/schema/session-id.ts";

/**
 * Method and path of an event at the coordinator. Built here from the parts, never taken from an executor: a session id like
 * `a/../../runs` cannot reach another route with our credentials.
 */
export function targetOf(envelope: Envelope): { method: "POST" | "PATCH"; path: string } {
  const session = pathSegment(envelope.session);
  switch (envelope.kind) {
    case "bind":
      return { method: "POST", path: `/sessions/${session}/bind` };
    case "event":
      return { method: "POST", path: `/sessions/${session}/events` };
    case "metadata":
      return { method: "PATCH", path: `/sessions/${session}/metadata` };
    case "run":
      return envelope.run === undefined
        ? { method: "POST", path: `/runner/sessions/${session}/status` }
        : {
            method: "POST",
            path: `/runner/runs/${pathSegment(envelope.run.id)}/${pathSegment(envelope.run.report)}`,
          };
  }
}
