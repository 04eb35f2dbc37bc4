import { readAnswerObject } from "./answer-body.ts";

/** Refusals that ask for patience. */
const LATER = new Set([408, 425, 429]);
/** Of a refusal, where its words stand. */
const MAX_READ_BYTES = 4096;

type Said = { status: number; body: Uint8Array };

/** A coordinator that restarted: its registry was in memory. Pure. */
export function isForgotten({ status, body }: Said): boolean {
  return (
    status === 401 &&
    /runner not registered/i.test(Buffer.from(body.subarray(0, MAX_READ_BYTES)).toString("utf8"))
  );
}

/**
 * Is this answer to a runner's poll or heartbeat the coordinator's word about the runner? A page of an ingress, a proxy or a captive portal is not,
 * whatever its status and type, nor is a refusal of the relay's own credentials: three such answers in a row would end the runner with all its
 * agents. Pure.
 */
export function isCoordinatorsWord(answer: Said): boolean {
  const { status, body } = answer;
  if (status === 204) return true;
  const object = readAnswerObject(body);
  if (status >= 200 && status < 300) return object !== undefined;
  if (status === 401 || status === 403) return isForgotten(answer);
  return status >= 400 && status < 500 && !LATER.has(status) && object !== undefined && "detail" in object;
}
