import { serveHoldings } from "./holdings.ts";
import { serveReceipts } from "./receipts.ts";
import { serveView } from "./view.ts";

type Deps<Serve extends (deps: never) => unknown> = Parameters<Serve>[0];

/** Answers what others ask relays: gateways and operators where an event is, operators what the coordinator holds, the console how this relay is. */
export function serveQuestions(
  deps: Deps<typeof serveReceipts> & Deps<typeof serveHoldings> & Deps<typeof serveView>,
): { stop(): void } {
  const answering = [serveReceipts(deps), serveHoldings(deps), serveView(deps)];
  return {
    stop() {
      for (const each of answering) each.stop();
    },
  };
}
