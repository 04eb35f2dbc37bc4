import type { Clock } from "../../shared/base/clock.ts";
import type { Frame } from "../../shared/messages/tunnel/frame.ts";
import type { Wire } from "../../shared/messages/tunnel/wire.ts";

/** After this time the relay says that it took the request. Most answers of a coordinator nearby come earlier and say it too; a gateway waits for seconds. */
const ACCEPT_AFTER_MS = 5;

/** Says that a request was taken. A quick answer carries that with it; otherwise it goes out in a message of its own. */
export type AcceptSoon = (wire: Wire, accept: Frame & { type: "accept" }) => void;

export function createAcceptances(clock: Clock): AcceptSoon {
  /** Wires whose acceptance may not have gone out yet. */
  const waiting: Wire[] = [];
  return (wire, accept) => {
    wire.sendLater(accept);
    if (waiting.push(wire) > 1) return;
    clock.after(ACCEPT_AFTER_MS, () => {
      for (const one of waiting.splice(0)) one.flush();
    });
  };
}
