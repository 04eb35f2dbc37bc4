import { get } from "node:http";
import type { Clock } from "../../shared/base/clock.ts";
import { rest } from "../../shared/base/rest.ts";

/** A relay tells its state once a second, and at once when it starts. */
const PATIENCE_MS = 3000;
const POLL_MS = 25;
/** Longest answer that is read; ours has 300 bytes. */
const LONGEST = 64 * 1024;

/**
 * Waits until the gateway has heard its relay, and our stand-in through it: before that the first events would get a 202 although all is well. Resolves to
 * false if that takes too long. A coordinator of the user's is not waited for, because it may be away for hours. Never rejects.
 */
export async function untilHeard(options: {
  gateway: string;
  /** The inbound token, if the gateway asks for one. */
  token: string | undefined;
  standIn: boolean;
  clock: Clock;
}): Promise<boolean> {
  const { gateway, token, standIn, clock } = options;
  const url = new URL("/_relay/ready", gateway);
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  const until = clock.now() + PATIENCE_MS;
  while (clock.now() < until) {
    if (hasHeard(await ask(url, token), standIn)) return true;
    await rest(clock, POLL_MS);
  }
  return false;
}

/** Whether an answer of `/_relay/ready` says that answers of the coordinator may be waited for. Pure. */
export function hasHeard(answer: unknown, standIn: boolean): boolean {
  const { relay, coordinator } = ((answer ?? {}) as Answer).dependencies ?? {};
  return relay?.state === "up" && (!standIn || coordinator?.state === "up");
}

type Answer = { dependencies?: { relay?: { state?: unknown }; coordinator?: { state?: unknown } } };

/** The JSON of an answer; undefined if there is none. */
function ask(url: URL, token: string | undefined): Promise<unknown> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((done) => {
    const request = get(url, { agent: false, headers, timeout: PATIENCE_MS }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > LONGEST) response.destroy();
      });
      response.on("close", () => done(jsonIn(text)));
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => done(undefined));
  });
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
