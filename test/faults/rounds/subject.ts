import type { Link } from "../../support/link.ts";

/** A process of a subject, under a supervisor that starts it again whenever it ends. */
export type Part = {
  name: string;
  /** SIGKILL; returns when it is gone. It is started again `downMs` later. */
  kill9(downMs: number): Promise<void>;
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
  /** Returns when the run that is on, or the next, is ready. */
  ready(): Promise<void>;
};

/** A disturbance that only this subject has: returns what ends it. */
export type OwnNemesis = { name: string; start(forMs: number): Promise<() => Promise<void>> };

/** A system that takes events over HTTP, answers 2xx when they are safe, and forwards them to the coordinator in the order of each session. */
export type Subject = {
  /** Programs and their versions. */
  versions: Record<string, string>;
  /** What was set, and what was left as it is. */
  settings: string;
  /** Where executors send events. */
  url(this: void): string;
  /** Path for the events of a session, below the URL. Default: `/events`. */
  path?: (session: string) => string;
  parts: readonly Part[];
  links: readonly Pick<Link, "name" | "set">[];
  own: readonly OwnNemesis[];
  /** Markers of the events that it put aside with a reason that an operator can see. */
  dead(this: void): Promise<Set<string>>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** What a subject is started with. */
export type Stand = {
  /** URL of the coordinator, behind the link that a subject forwards through. */
  coordinatorUrl: string;
  /** A folder for logs and data. */
  dir: string;
};
