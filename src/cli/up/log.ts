import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { StartFrom } from "../../shared/log/provision/checkpoints.ts";
import { provision } from "../../shared/log/provision/provision.ts";
import { provisionSessions } from "../../shared/session-log/provision.ts";
import { connectBroker } from "../../shared/log/broker.ts";
import { tellDamage } from "../../shared/log/state/damage.ts";
import { errorText } from "../../shared/base/errors.ts";
import { checkLog } from "../../shared/log/state/log-check.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { readBacklog } from "../../shared/messages/status/backlog.ts";
import { ADMIN_INBOX } from "../../shared/log/schema/subjects.ts";
import type { Context } from "../context.ts";
import type { LogHome } from "./log-home.ts";
import type { UpValues } from "./table.ts";

/** How long counting may take. Most shards answer in a millisecond, and a runner's patience is worth more than a number. */
const COUNT_MS = 250;

/** The log, as `up` makes it and looks after it. */
export type KeptLog = {
  admin: NatsConnection;
  /** True if the log was found whole. Then the children may start while it is provisioned. */
  whole: boolean;
  /** Makes the streams and consumers that are missing. */
  make(): Promise<void>;
  /** True if there is a log of sessions, as it was found when the log was made last. */
  sessions(): boolean;
  /** Prints how many events wait, if any do and they can be counted in time. */
  tellWhatWaits(context: Context): Promise<void>;
};

/** Connects to the broker as its admin and looks at the log. `provisionedAt` is the broker where the last start made the log. */
export async function openLog(options: {
  home: LogHome;
  values: UpValues;
  dataDir: string;
  provisionedAt: string | undefined;
  from: StartFrom | undefined;
  log: Logger;
}): Promise<KeptLog> {
  const { home, values, log } = options;
  const admin = await connectBroker(home.access("admin"), { name: "up", inboxPrefix: ADMIN_INBOX });
  let { from } = options;
  let sessionsThere = false;
  return {
    admin,
    whole: options.provisionedAt === home.url && (await isWhole(admin)),
    async make() {
      const { damage, limits, isNew } = await provision(admin, {
        replicas: values.replicas,
        duplicateWindowMs: values.duplicateWindow,
        ...(values.shards === undefined ? {} : { shards: values.shards }),
        ...(values.logBytes === undefined ? {} : { logBytes: values.logBytes }),
        ...(home.freeBytes === undefined ? {} : { freeBytes: home.freeBytes }),
        ...(from === undefined ? {} : { from }),
      });
      from = undefined; // `--from` is about the log as it is now, and not about a later restart
      await home.store?.staging.link(); // the first start made the log only now
      for (const found of damage) tellDamage(log, found);
      for (const limit of limits) log.warn({ code: "broker_limited" }, limit);
      const sessions = await provisionSessions(admin, {
        replicas: values.replicas,
        isNew,
        ...(values.sessionsBytes === undefined ? {} : { bytes: values.sessionsBytes }),
        ...(home.freeBytes === undefined ? {} : { freeBytes: home.freeBytes }),
      });
      sessionsThere = sessions.kind === "there";
      if (sessions.kind === "absent")
        log.warn({ code: "sessions_unavailable", why: sessions.why }, "there is no log of sessions");
    },
    sessions: () => sessionsThere,
    async tellWhatWaits(context) {
      try {
        const events = await countWaiting(admin);
        if (events === 0) return;
        const where = values.natsUrl === undefined ? options.dataDir : `the log at ${home.url}`;
        context.print(
          `${events} ${events === 1 ? "event is" : "events are"} pending in ${where} and will be delivered at the next start`,
        );
      } catch (error) {
        context.warn(`pending events cannot be counted: ${errorText(error)}`);
      }
    },
  };
}

/** Is the log whole? If it lost its end it must be mended before anything is written, so that no number is used twice. */
async function isWhole(admin: NatsConnection): Promise<boolean> {
  try {
    const { end, log, mark } = await checkLog(await jetstreamManager(admin, { checkAPI: false }));
    return end.kind === "whole" && mark?.mark.created === log.created;
  } catch {
    return false; // the step that makes the log says why
  }
}

async function countWaiting(admin: NatsConnection): Promise<number> {
  const jsm = await jetstreamManager(admin, { checkAPI: false, timeout: COUNT_MS });
  const late = new Promise<never>((_, fail) => {
    setTimeout(() => fail(new Error(`counting takes longer than ${COUNT_MS} ms`)), COUNT_MS).unref();
  });
  const { events } = await Promise.race([readBacklog(jsm), late]);
  return events;
}
