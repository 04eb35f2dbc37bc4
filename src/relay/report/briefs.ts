import type { NatsConnection } from "@nats-io/nats-core";
import { briefSubject, encodeBeat, encodeBrief, type RelayBrief } from "../../shared/messages/relay-brief.ts";

/** A brief without what the publisher adds to it. */
export type BriefContent = Omit<RelayBrief, "number" | "stopping">;

/** What gateways hear of this relay. */
export type Briefs = {
  /**
   * Publishes a brief if there is something new, and at a tick a beat if there is not. Sessions come and go all the time, so that shards in which something waits are
   * news at a tick only.
   */
  publish(why: "change" | "tick" | "stop"): void;
  /** What was published last. */
  newest(): RelayBrief;
};

/** Pure. */
function isNews(before: RelayBrief, now: BriefContent, waitingCounts: boolean): boolean {
  const textOf = (it: BriefContent): string =>
    encodeBrief({
      ...it,
      shards: waitingCounts ? it.shards : it.shards.map((shard) => ({ ...shard, waiting: false })),
      number: before.number,
    });
  const { stopping: _, ...content } = before;
  return textOf(content) !== textOf(now);
}

/** Numbers the briefs of this process, and sends as few of them as it can: each one goes to every gateway. */
export function createBriefs(deps: {
  nc: Pick<NatsConnection, "publish">;
  relay: string;
  brief(): BriefContent;
}): Briefs {
  const { nc, relay } = deps;
  let last: RelayBrief | undefined;

  function newest(): RelayBrief {
    return (last ??= { ...deps.brief(), number: 1 });
  }

  return {
    publish(why) {
      const before = last;
      const content = deps.brief();
      const news = before === undefined || why === "stop" || isNews(before, content, why === "tick");
      if (news) {
        last = {
          ...content,
          number: (before?.number ?? 0) + 1,
          ...(why === "stop" ? { stopping: true } : {}),
        };
        nc.publish(briefSubject(relay, "brief"), encodeBrief(last));
      } else if (why === "tick") nc.publish(briefSubject(relay, "beat"), encodeBeat(before));
    },
    newest,
  };
}
