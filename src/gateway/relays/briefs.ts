import { HEARING_MS } from "../../shared/messages/hearing.ts";
import { decodeBeat, decodeBrief, type RelayBrief } from "../../shared/messages/relay-brief.ts";
import { STATE_SILENCE_MS } from "../../shared/messages/relay-state.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";

/** A relay that publishes briefs. `at`: when it was heard last. */
type Known = { brief: RelayBrief | undefined; at: number };

/** What a beat means. `asks`: the brief that it stands for was not heard, so the relay's process with this token is to be asked. */
export type BeatMeaning = { kind: "holds"; brief: RelayBrief } | { kind: "asks"; process: string };

/** The newest brief of each relay. The caller passes the time, so that nothing here depends on a clock. */
export type Briefs = {
  /** Undefined for what is no brief, or an older one than is known. */
  brief(text: string, now: number): RelayBrief | undefined;
  /** `relay`: its token in the subject. Undefined for what is no beat. */
  beat(relay: string, text: string, now: number): BeatMeaning | undefined;
  /** Does this relay publish briefs? Its whole states are of no use then. */
  speaks(relay: string, now: number): boolean;
  /** Are whole states to be heard? Only where a relay of before ADR 0059 may run, because a whole state is long. */
  wantsWhole(now: number): boolean;
  /** Those that are not silent. */
  fresh(now: number): RelayBrief[];
};

/** `startedAt`: when listening began. */
export function createBriefs(startedAt: number): Briefs {
  const known = new Map<string, Known>();

  function fresh(now: number): Known[] {
    for (const [relay, { at }] of known) if (now - at >= STATE_SILENCE_MS) known.delete(relay);
    return [...known.values()];
  }

  return {
    brief(text, now) {
      const brief = decodeBrief(text);
      if (brief === undefined) return undefined;
      const relay = sessionToken(brief.relay);
      const before = known.get(relay)?.brief;
      if (before?.instance === brief.instance && before.number > brief.number) return undefined;
      if (brief.stopping) known.delete(relay);
      else known.set(relay, { brief, at: now });
      return brief;
    },
    beat(relay, text, now) {
      const beat = decodeBeat(text);
      if (beat === undefined) return undefined;
      const brief = known.get(relay)?.brief;
      const holds = brief?.instance === beat.instance && brief.number === beat.number;
      known.set(relay, { brief: holds ? brief : undefined, at: now });
      return holds ? { kind: "holds", brief } : { kind: "asks", process: `${relay}-${beat.instance}` };
    },
    speaks: (relay, now) => now - (known.get(sessionToken(relay))?.at ?? -Infinity) < STATE_SILENCE_MS,
    wantsWhole(now) {
      const heard = fresh(now);
      if (heard.length === 0) return now - startedAt >= HEARING_MS;
      return heard.some(({ brief }) => brief?.wholeOnly);
    },
    fresh: (now) => fresh(now).flatMap(({ brief }) => brief ?? []),
  };
}
