import type { Patch } from "./sources.ts";
import type { Part } from "./steps.ts";

/** A mistake that somebody could make, and the part of the simulation that has to find it. */
export type Mutation = { name: string; part: Part | "sessions"; patches: readonly Patch[] };

const APPEND = "/src/shared/log/append";
const RELAY = "/src/relay";
const SESSIONS = "/src/shared/session-log";
const WATCH = `${SESSIONS}/follow/watch.ts`;

function one(name: string, part: Mutation["part"], file: string, find: string, replace: string): Mutation {
  return { name, part, patches: [{ file, find, replace }] };
}

/** Each changes the product's sources as they are loaded (sources.ts); nothing is written. */
export const MUTATIONS: readonly Mutation[] = [
  one(
    "an unknown outcome counts as stored",
    "log",
    `${APPEND}/wave.ts`,
    'return { kind: "again", uncertain: ack.kind === "unknown", detail: ack.detail };',
    'return { kind: "stored", seq: 1, duplicate: false };',
  ),
  one(
    "a batch of unknown outcome counts as stored",
    "log",
    `${APPEND}/batch.ts`,
    "for (const entry of left) entry.uncertain ??= entry.numbered?.number;",
    "left.forEach((entry, i) => outcomes.stored(entry, i + 1, false)); return [];",
  ),
  one(
    "a refused batch is not repeated as singles",
    "log",
    `${APPEND}/commit.ts`,
    "await asSingles(trying, await asBatch(trying, entries), true);",
    "await asBatch(trying, entries);",
  ),
  one(
    "two commits are in flight",
    "log",
    `${APPEND}/commit.ts`,
    "      await commit(trying, next, sideBySide);\n",
    "      void commit(trying, next, sideBySide);\n",
  ),
  one(
    "several of a session are in flight, and one that was overtaken is tried again",
    "log",
    `${APPEND}/wave.ts`,
    "    if (serial || write.keyed) closed.add(write.session);\n",
    "",
  ),
  one(
    "a number that was given up is not followed by a new epoch",
    "log",
    `${APPEND}/patience.ts`,
    "      numbering.renew(entry.session, left);\n",
    "",
  ),
  one(
    "a number that was refused is not followed by a new epoch",
    "log",
    `${APPEND}/singles.ts`,
    "if (entry.settled && leavesGap(entry, fates[i]))",
    "if (entry.settled && fates[i] === undefined)",
  ),
  one(
    "numbers do not grow",
    "log",
    `${APPEND}/sequence.ts`,
    "seq: last.seq + 1 }",
    "seq: last.seq + (last.seq === 3 ? 0 : 1) }",
  ),
  one(
    "a late answer counts for the present commit",
    "log",
    `${APPEND}/nats/inbox.ts`,
    "      if (commit !== underWay.commit) return; // late answer to a commit that was given up\n",
    "",
  ),
  one(
    "all of a batch are said to lie at its first place",
    "log",
    `${APPEND}/batch.ts`,
    "ack.firstSeq + i",
    "ack.firstSeq",
  ),
  one(
    "the message id is left out",
    "log",
    `${APPEND}/message.ts`,
    "`${HEADER.id}: ${write.id}\\r\\n` +",
    '(number.seq % 5 === 4 ? "" : `${HEADER.id}: ${write.id}\\r\\n`) +',
  ),
  one(
    "an event is acked before it is delivered",
    "whole",
    `${RELAY}/source/shard.ts`,
    "if (!over) return deps.deliver(source, delivery);",
    "if (!over) { source.pass(seq, deliverySeq); return deps.deliver(source, delivery); }",
  ),
  one(
    "a failed attempt settles its event",
    "whole",
    `${RELAY}/lanes/outcomes.ts`,
    "        return this.#failed(lane, outcome);",
    '        for (const entry of lane.inFlight.splice(0)) this.#settle(lane, entry, "delivered");\n        return GO_ON;',
  ),
  one(
    "a failed event goes behind the others, as with a nak",
    "whole",
    `${RELAY}/lanes/lane.ts`,
    "this.#queue = [...back, ...this.#queue.slice(this.#head)];",
    "this.#queue = [...this.#queue.slice(this.#head), ...back];",
  ),
  one(
    "two of a lane are in flight",
    "whole",
    `${RELAY}/lanes/lane-phase.ts`,
    '{ name: "sending", turn: event.turn }, NOTHING]',
    '{ name: "ready" }, QUEUE]',
  ),
  one(
    "a takeover resets nothing",
    "whole",
    `${RELAY}/source/takeover.ts`,
    "await consumer.reset(acksCount ? undefined : memory.settled.floor + 1);",
    "await consumer.info();",
  ),
  one(
    "lanes are not cleared at a takeover",
    "whole",
    `${RELAY}/source/shard.ts`,
    "        return deps.clear(deps.shard);\n",
    "        return;\n",
  ),
  one(
    "a lease never ends",
    "whole",
    `${RELAY}/source/lease.ts`,
    "return this.#confirmedAt > 0 && now < this.#confirmedAt + PRIORITY_TIMEOUT_MS - LEASE_MARGIN_MS;",
    "return now > 0;",
  ),
  one(
    "events of a dead relay are not looked for",
    "whole",
    `${RELAY}/source/orphans.ts`,
    "  if (info.num_ack_pending) {",
    "  if (info.num_ack_pending === -1) {",
  ),
  one(
    "a dead letter is settled and not stored",
    "whole",
    `${RELAY}/turns/burial.ts`,
    "await deps.deadLetters.put(letter);",
    'await Promise.resolve({ kind: letter.seq > 0 ? "stored" : "refused", reason: "" } as const);',
  ),
  one(
    "a refused dead letter counts as stored",
    "whole",
    `${RELAY}/coordinator/dead-letters.ts`,
    '    throw new Error(error.description ?? "refused");',
    "    return true;",
  ),
  one(
    "an answer 5xx counts as delivered",
    "whole",
    `${RELAY}/coordinator/verdict.ts`,
    "if (status >= 200 && status < 300) return success",
    "if ((status >= 200 && status < 300) || status === 503) return success",
  ),
  one(
    "a refused connection counts as delivered",
    "whole",
    `${RELAY}/coordinator/verdict.ts`,
    '  if (result.kind === "failed") {\n',
    '  if (result.kind === "failed") {\n    if (result.cause === "connect") return { kind: "delivered" };\n',
  ),
  one(
    "a held session's events are passed before its pointer is stored",
    "whole",
    `${RELAY}/lanes/held/enter.ts`,
    "const revision = await pointers.write(record);",
    "const revision = await Promise.resolve(1);",
  ),
  one(
    "pointers are not read at a takeover",
    "whole",
    `${RELAY}/lanes/index.ts`,
    "      await held.load(shard);\n",
    "",
  ),
  one(
    "a refusal of the broker counts as a write",
    "whole",
    "/src/shared/log/state/state-store.ts",
    "if (error !== undefined || !seq)",
    "if (seq === undefined)",
  ),
  one(
    "settled events that come again are forgotten by the look-out for gaps",
    "whole",
    `${RELAY}/source/shard.ts`,
    "  deps.passedOver(deps.shard, delivery.subject);\n",
    "",
  ),
  one(
    "the floor moves over an unsettled event",
    "whole",
    "/src/shared/log/state/settled.ts",
    "if (seq > floor && !this.has(seq)) break;",
    "if (seq > floor && !this.has(seq) && this.#arrived.length - this.#head < 3) break;",
  ),
  one(
    "a process that stood still goes on with its old lease",
    "whole",
    `${RELAY}/source/fence.ts`,
    "    if (now - beatAt > STOOD_STILL_MS) lease.revoke();\n",
    "",
  ),
  one(
    "the fence is not asked before an event is sent",
    "whole",
    `${RELAY}/turns/turn.ts`,
    '  if (!entry.source.mayForward()) return { kind: "fenced" };\n',
    "",
  ),
  one(
    "an append names no event before it",
    "sessions",
    `${SESSIONS}/append/put.ts`,
    '  head.set("Nats-Expected-Last-Subject-Sequence", String(entry.last));\n',
    "",
  ),
  one(
    "an append of unknown outcome counts as stored",
    "sessions",
    `${SESSIONS}/append/put.ts`,
    'if (answer.kind === "stored" || answer.kind === "refused") return answer;',
    'if (answer.kind === "unknown") return { kind: "stored", seq: entry.last + 1 };\n    if (answer.kind === "stored" || answer.kind === "refused") return answer;',
  ),
  one(
    "an owner that was overtaken writes on",
    "sessions",
    `${SESSIONS}/append/owner-writer.ts`,
    'if (became.kind === "overtaken") lost = became;',
    'if (became.kind === "overtaken") { last = became.by; return append({ id, kind, data }); }',
  ),
  {
    name: "a watcher joins the hub after its replay",
    part: "sessions",
    patches: [
      {
        file: WATCH,
        find: "deps.hub.join(session, feed); //",
        replace:
          "deps.hub.join(session, { ...feed, push: (it) => (REPLAYED.has(feed) ? feed.push(it) : undefined) }); //",
      },
      {
        file: WATCH,
        find: "  yield* replay(deps, options, place, feed);\n",
        replace: "  yield* replay(deps, options, place, feed);\n  REPLAYED.add(feed);\n",
      },
      {
        file: WATCH,
        find: "const FEED_BYTES",
        replace: "const REPLAYED = new WeakSet<object>();\nconst FEED_BYTES",
      },
    ],
  },
  one(
    "a watcher is shown again what the replay had",
    "sessions",
    WATCH,
    "    if (next.seq <= place.last) continue; // the replay had it\n",
    "",
  ),
  one(
    "a hole in what is heard is passed over",
    "sessions",
    `${SESSIONS}/follow/contiguity.ts`,
    "if (learnt.seq === at.upTo + 1) return",
    "if (learnt.seq > at.upTo) return",
  ),
  one(
    "the end of the log is not asked for",
    "sessions",
    `${SESSIONS}/follow/hub.ts`,
    '    learn({ type: "last", last: end.last, asked, other: end.log !== before.log });\n',
    "",
  ),
];
