/** Another system that takes events over HTTP, keeps them, and forwards them. Each is started for one measurement, in a folder of its own. */
export type Rival = {
  url: string;
  /** Path that answers when an event is kept; `{session}` stands for the session. */
  accept: string;
  /** Path that answers when the coordinator did. */
  whole: string;
  pids: Record<string, number>;
  /** What kept it from forwarding since its start, if it was started so, is over. */
  release(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** How a rival is started. */
export type RivalStart = {
  coordinatorUrl: string;
  /** Events are only kept, until `release`. */
  held: boolean;
};

export type RivalKind = {
  name: "Restate" | "BullMQ";
  /** Versions and settings, for the page. */
  about: string;
  start(options: RivalStart): Promise<Rival>;
};
