import { serveGateways } from "./gateways.ts";
import { serveHoldings } from "./holdings.ts";
import { serveReceipts } from "./receipts.ts";
import { serveTryNow } from "./try-now.ts";
import { serveView } from "./view.ts";

type Deps<Serve extends (deps: never) => unknown> = Parameters<Serve>[0];

/** Answers what others ask relays: gateways and operators where an event is, operators what the coordinator holds, both how this relay is; and they may ask it not to wait. */
export function serveQuestions(
  deps: Deps<typeof serveReceipts> &
    Deps<typeof serveHoldings> &
    Deps<typeof serveView> &
    Deps<typeof serveTryNow> &
    Deps<typeof serveGateways>,
): { stop(): void } {
  const answering = [
    serveReceipts(deps),
    serveHoldings(deps),
    serveView(deps),
    serveTryNow(deps),
    serveGateways(deps),
  ];
  return {
    stop() {
      for (const each of answering) each.stop();
    },
  };
}
