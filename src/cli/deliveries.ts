import { jetstreamManager } from "@nats-io/jetstream";
import { Command } from "commander";
import { ownCommand } from "../shared/base/own-command.ts";
import { deliveriesOf, deliveryOf, type Delivery } from "../operate/deliveries.ts";
import { codedError } from "../shared/base/errors.ts";
import { sessionIdProblem } from "../shared/log/schema/session-id.ts";
import { wholeNumber } from "./arguments.ts";
import type { Context } from "./context.ts";
import { addFlags, flagsOf } from "./flags.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";
import { createProgress } from "./progress.ts";
import { renderFacts, type Fact } from "./render/facts.ts";
import type { Screen } from "./render/screen.ts";
import { standingJson, standingText } from "../shared/messages/standing/standing-text.ts";
import { VERDICT_STYLE } from "./render/tail-view.ts";
import { renderTable, type Cell } from "./render/table.ts";

/** Events of a session that are shown by default. */
const LAST = 20;
/** More rows than this are not readable in a table. */
const MOST = 10_000;

const PRUNED = "the event is no longer in the log; this is what its dead letter says";

const NO_RELAY = "no relay answers; this is what the checkpoints say";

type Options = { session?: string; seq?: number; last: number; json?: true };

export function command(context: Context): Command {
  const self = new Command("deliveries")
    .description(
      "Shows the state of one event, or of the last events of a session: pending, delivered, superseded, dead or dropped.",
    )
    .argument("[event-id]", "the event id from the 202 or the dead letter")
    .option(
      "--session <id>",
      "show the last events of this session; with an event id, search only this session",
    )
    .option("--seq <n>", "the event's sequence in the log, which makes the lookup fast", wholeNumber("--seq"))
    .option("--last <n>", "number of events to show", wholeNumber("--last"), LAST)
    .option("--json", "print one JSON object per line");
  return addFlags(self, CLIENT_TABLE).action(async (id: string | undefined, options: Options) => {
    const { session, seq, last, json } = options;
    if (session !== undefined && sessionIdProblem(session) !== undefined)
      throw codedError("usage", `--session ${session} is not a valid session id`);
    if (last > MOST)
      throw codedError("usage", `--last is at most ${MOST}; \`${ownCommand("tail")}\` shows more`);
    const access = { role: "operator", env: context.env, flags: flagsOf(self, CLIENT_TABLE) } as const;
    await withBroker(access, async (nc) => {
      const deps = { nc, jsm: await jetstreamManager(nc, { checkAPI: false }) };
      if (id !== undefined) {
        const progress = createProgress("searching", Number.MAX_SAFE_INTEGER);
        const where = {
          ...(seq === undefined ? {} : { seq }),
          ...(session === undefined ? {} : { session }),
          searching(seen: number, all: number) {
            progress.total(all);
            progress.at(seen);
          },
        };
        const delivery = await deliveryOf(deps, id, where).finally(() => progress.end());
        context.print(json ? jsonOf(delivery) : renderOne(delivery, context.screen, Date.now()));
        return;
      }
      if (session === undefined) throw codedError("usage", "give an event id or --session ID");
      const deliveries = await deliveriesOf(deps, session, last);
      if (json) for (const delivery of deliveries) context.print(jsonOf(delivery));
      else context.print(renderMany(deliveries, context.screen, Date.now()));
    });
  });
}

/** Uses the words of the gateway's receipt. */
function jsonOf({ receipt, standing, ...event }: Delivery): string {
  const { seq, ...outcome } = receipt;
  return JSON.stringify({
    event_id: event.id,
    ...outcome,
    stream_seq: seq,
    ...event,
    id: undefined,
    ...(standing === undefined ? {} : { standing: standingJson(standing) }),
  });
}

/** Why the session of a pending event stands still, if it does. */
function whyOf({ standing }: Delivery, now: number): string {
  return standing === undefined ? "" : standingText(standing, now);
}

function renderOne(delivery: Delivery, screen: Screen, now: number): string {
  const { id, session, kind, at, receipt } = delivery;
  const why = whyOf(delivery, now);
  const more: Fact[] =
    receipt.state === "dead"
      ? [
          { name: "reason", text: receipt.reason },
          { name: "status", text: receipt.status === undefined ? "none" : String(receipt.status) },
          { name: "attempts", text: receipt.attempts === undefined ? "not known" : String(receipt.attempts) },
        ]
      : receipt.state === "superseded" || receipt.state === "dropped"
        ? [{ name: "reason", text: receipt.reason }]
        : why === ""
          ? []
          : [{ name: "waits", text: why, style: "wait" }];
  return renderFacts(
    [
      { name: "event", text: id },
      { name: "state", text: receipt.state, style: VERDICT_STYLE[receipt.state] },
      ...more,
      { name: "session", text: session },
      { name: "kind", text: kind },
      { name: "accepted", text: at },
      { name: "sequence", text: String(receipt.seq) },
      ...(delivery.pruned ? [{ name: "note", text: PRUNED }] : []),
      ...(knownWell(delivery) ? [] : [{ name: "note", text: NO_RELAY }]),
    ],
    screen,
  );
}

/** A relay answered for the event, or no relay needs to be asked. */
function knownWell({ asked, again, pruned }: Delivery): boolean {
  return asked === "relay" || again === true || pruned === true;
}

function renderMany(deliveries: readonly Delivery[], screen: Screen, now: number): string {
  if (deliveries.length === 0) return "the log holds no event of this session";
  const rows = deliveries.map(({ id, kind, at, again, receipt }): Cell[] => [
    id,
    String(receipt.seq),
    { text: receipt.state, style: VERDICT_STYLE[receipt.state] },
    again ? `${kind} again` : kind,
    `${at.slice(0, 19)}Z`,
    "reason" in receipt ? receipt.reason : "",
  ]);
  const table = renderTable(["EVENT", "SEQ", "STATE", "KIND", "AT", "REASON"], rows, screen);
  const why = deliveries.map((it) => whyOf(it, now)).find((text) => text !== "");
  return [
    table,
    ...(why === undefined ? [] : [`the session: ${why}`]),
    ...(deliveries.every(knownWell) ? [] : [NO_RELAY]),
  ].join("\n");
}
