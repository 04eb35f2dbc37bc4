import { isCoded } from "../shared/base/errors.ts";
import { decodeEnvelope, type Envelope } from "../shared/log/schema/envelope.ts";

/** The event in a message; undefined for what is none. Throws `schema_newer` for one of a later version. Pure. */
export function readableEnvelope(data: Uint8Array): Envelope | undefined {
  try {
    return decodeEnvelope(data);
  } catch (error) {
    if (isCoded(error, "schema_newer")) throw error;
    return undefined;
  }
}
