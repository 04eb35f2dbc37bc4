import type { Patch } from "../../../simulation/sources.ts";
import type { Counts } from "../tally.ts";

/** A mistake in the relay that the checker has to see: what it is, in which rounds, and what it must count. */
export type Mistake = {
  what: string;
  patches: readonly Patch[];
  /** Expression that the names of the nemeses match. */
  nemesis: string;
  rounds: number;
  seen: (total: Counts) => boolean;
};

/** Each is made in the real process, as its sources are loaded; nothing is written. */
export const MISTAKES: Record<string, Mistake> = {
  "no-key": {
    what: "requests go out without their Idempotency-Key",
    patches: [
      {
        file: "/src/relay/turns/attempt.ts",
        find: "    [UPSTREAM_HEADER.key]: envelope.id,\n",
        replace: "",
      },
    ],
    nemesis: "answers are lost",
    rounds: 3,
    seen: ({ keyless }) => keyless > 0,
  },
  "ack-first": {
    what: "an event is settled before it is delivered",
    patches: [
      {
        file: "/src/relay/source/shard.ts",
        find: "if (!over) return deps.deliver(source, delivery);",
        replace: "if (!over) { source.pass(seq, deliverySeq); return deps.deliver(source, delivery); }",
      },
    ],
    nemesis: "coordinator is slow|kill -9: relay",
    rounds: 6,
    seen: ({ lost }) => lost > 0,
  },
  "no-guard": {
    what: "a takeover resets to the beginning, and what is settled is not passed over",
    patches: [
      {
        file: "/src/relay/source/takeover.ts",
        find: "await consumer.reset(acksCount ? undefined : memory.settled.floor + 1);",
        replace: "await consumer.reset(1);",
      },
      {
        file: "/src/relay/source/shard.ts",
        find: "const over = settled.has(seq);",
        replace: "const over = false;",
      },
    ],
    nemesis: "kill -9: relay",
    rounds: 4,
    seen: ({ old }) => old > 0,
  },
};
