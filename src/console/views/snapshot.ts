import type { WholeGate } from "../watch/gates.ts";
import type { Reading } from "../watch/reader.ts";
import type { Sample } from "../watch/samples.ts";
import type { SessionSources } from "../../shared/messages/standing/session-standing.ts";
import type { Trouble } from "../watch/timeline.ts";
import { titleOf } from "./words.ts";

/** Everything that a page shows of one moment. Times are wall clock, milliseconds since 1970. */
export type Snapshot = {
  now: number;
  /** Names of the relays that are heard. */
  relays: readonly string[];
  version: string;
  /** Since when this console watches. */
  startedAt: number;
  /** Buttons are shown and carried out. */
  mayAct: boolean;
  gate: WholeGate;
  connected: boolean;
  reading: Reading;
  latest: Sample | undefined;
  /** The last seconds, oldest first. */
  recent: readonly Sample[];
  troubles: readonly Trouble[];
  forgottenTroubles: number;
  sources: SessionSources;
  /** False if relays have not read all that is pending, so that there may be further sessions. */
  isWhole: boolean;
};

/** The state in one line, with what is known of its cause. `mood` says how much it should stand out. */
export type Headline = {
  mood: "good" | "wait" | "bad";
  title: string;
  detail: string;
  since?: number;
};

/** What an operator should read first. Pure. */
export function headline(snapshot: Pick<Snapshot, "gate" | "connected" | "reading">): Headline {
  const { gate, connected, reading } = snapshot;
  if (!connected)
    return {
      mood: "bad",
      title: "The broker does not answer",
      detail:
        "Nothing can be read or sent until it is back; relays reconnect by themselves. The numbers are the last known ones.",
    };
  const wish = reading.known?.status.controls.paused;
  const byHand = gate.phase === "paused" && gate.reason === "paused_by_operator";
  if (wish !== undefined && wish.reason === undefined)
    return {
      mood: "wait",
      title: byHand ? "Paused by an operator" : "Pausing",
      detail: wish.text === "" ? "Events are accepted and wait." : wish.text,
      since: wish.since,
    };
  if (byHand && reading.known !== undefined)
    return { mood: "wait", title: "Resuming", detail: "Relays resume within a second." };
  switch (gate.phase) {
    case "unheard":
      return {
        mood: "bad",
        title: "No relay responds",
        detail: "Events are accepted and wait; nothing is sent until a relay runs.",
        since: gate.since,
      };
    case "checking":
      return {
        mood: "wait",
        title: "Asking the coordinator",
        detail: "Nothing is sent until it has answered.",
      };
    case "up":
      return { mood: "good", title: "Forwarding", detail: "The coordinator answers." };
    case "away":
      return {
        mood: "bad",
        title: "The coordinator is away",
        detail: `${gate.text}. Events are accepted and wait; relays keep trying.`,
        since: gate.since,
      };
    case "paused":
      return {
        mood: "bad",
        title: `Forwarding is paused: ${titleOf(gate.reason)}`,
        detail: gate.text,
        since: gate.since,
      };
  }
}
