import type { Patch } from "../../../simulation/sources.ts";
import type { Counts } from "../tally.ts";

/** A mistake in the relay that the checker has to see: what it is, in which rounds, and what it must count. */
export type Mistake = {
  what: string;
  patches: readonly Patch[];
  /** What the names of the nemeses contain. */
  nemesis: string;
  rounds: number;
  seen: (total: Counts) => boolean;
};

const RESET = "await consumer.reset(acksCount ? undefined : memory.settled.floor + 1);";

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
  "no-reset": {
    what: "a takeover resets nothing",
    patches: [{ file: "/src/relay/source/takeover.ts", find: RESET, replace: "await consumer.info();" }],
    nemesis: "kill -9: relay",
    rounds: 4,
    seen: ({ lost }) => lost > 0,
  },
  "no-guard": {
    what: "a takeover resets to the beginning, and what is settled is not passed over",
    patches: [
      { file: "/src/relay/source/takeover.ts", find: RESET, replace: "await consumer.reset(1);" },
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
