import type { NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../shared/base/clock.ts";
import type { Logger } from "../shared/base/logger.ts";
import { createAcceptance, type Acceptance } from "../shared/log/append/acceptance.ts";
import { createChoice } from "../shared/log/append/choice.ts";
import { createCommitter, type Committer } from "../shared/log/append/commit.ts";
import { messageOf } from "../shared/log/append/message.ts";
import { createNatsLog, type NatsLog } from "../shared/log/append/nats-log.ts";
import { createSequences } from "../shared/log/append/sequence.ts";
import type { Durability } from "../shared/log/durability/durability.ts";
import type { Names } from "./names.ts";
import type { CommitMeter } from "./report/commit-meter.ts";

/** The gateway's way into the log. */
export type Storing = { log: NatsLog; committer: Committer; acceptance: Acceptance };

/** Puts group commit onto the connection. The caller closes the log. */
export function createStoring(deps: {
  connection: NatsConnection;
  names: Names;
  durability: () => Durability;
  commits: CommitMeter;
  clock: Clock;
  logger: Logger;
}): Storing {
  const { connection, names, durability, commits, clock, logger } = deps;
  const log = createNatsLog({ connection, inbox: names.logInbox, newToken: names.newToken, clock });
  const acceptance = createAcceptance({ clock, connection: () => log.connection() });
  const committer = createCommitter({
    log,
    sequences: createSequences(names.nonce),
    encode: (write, number) => messageOf(write, number, names.runner),
    choice: createChoice(durability() === "fsync"),
    sideBySide: () => durability() !== "fsync",
    clock,
    logger,
    report: (report) => commits.took(report),
    noted: (outcome) => acceptance.noted(outcome),
  });
  return { log, committer, acceptance };
}
