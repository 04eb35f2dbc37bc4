/** Why a share is lost: its sender was silent while others waited, or there is no memory. */
export type Loss = "silent" | "full";

/** The owner of a share. */
export type Owner = {
  lose(why: Loss): void;
  /** Continue to read. */
  resume(): void;
};

export type Body = {
  owner: Owner;
  bytes: number;
  /** The time since which it is silent, and the bytes that came since then. */
  at: number;
  since: number;
  state: "reading" | "waiting" | "whole" | "over";
};

/** The bodies in memory, with their bytes and their turns. What to do when there are too many is decided in budget.ts. */
export class Bodies {
  /** Bytes of all bodies together. */
  held = 0;
  /** Number of complete bodies, whose owners will return their bytes. */
  whole = 0;
  /** Arriving bodies, the longest silent first. */
  readonly reading: Set<Body> = new Set();
  /** Bodies that must not be read now, in their order. */
  readonly waiting: Set<Body> = new Set();

  open(owner: Owner, now: number): Body {
    const body: Body = { owner, bytes: 0, at: now, since: 0, state: "reading" };
    this.reading.add(body);
    return body;
  }

  count(body: Body, bytes: number): void {
    body.bytes += bytes;
    body.since += bytes;
    this.held += bytes;
  }

  /** It is being read, and was heard of now. */
  read(body: Body, now: number): void {
    this.waiting.delete(body);
    body.state = "reading";
    body.at = now;
    body.since = 0;
    this.reading.delete(body);
    this.reading.add(body);
  }

  wait(body: Body): void {
    this.reading.delete(body);
    this.waiting.add(body);
    body.state = "waiting";
  }

  complete(body: Body): void {
    if (body.state === "over" || body.state === "whole") return;
    this.reading.delete(body);
    this.waiting.delete(body);
    body.state = "whole";
    this.whole++;
  }

  forget(body: Body): void {
    if (body.state === "whole") this.whole--;
    this.reading.delete(body);
    this.waiting.delete(body);
    this.held -= body.bytes;
    body.state = "over";
  }
}
