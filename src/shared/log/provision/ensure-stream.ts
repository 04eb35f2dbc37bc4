import { JetStreamApiError, type JetStreamManager, type StreamInfo } from "@nats-io/jetstream";
import { codedError } from "../../base/errors.ts";
import { compareStream } from "./differences.ts";
import { hasNoRoom } from "./limits.ts";
import type { StreamPlan } from "./streams.ts";

const NAME_IN_USE = 10058;

/**
 * Reads, creates or widens a stream, and adds what was done to `changes`, for people. Two at once: the second's creation is either the same or finds the
 * name in use, and compares. Throws `stream_differs`, and the broker's refusals as they are.
 */
export async function ensureStream(
  jsm: JetStreamManager,
  plan: StreamPlan,
  changes: string[],
): Promise<StreamInfo> {
  const existing = await infoOf(jsm, plan.name);
  if (existing !== undefined) return widenStream(jsm, plan, existing, changes);
  try {
    await jsm.streams.add(plan);
    changes.push(`stream ${plan.name} created`);
    return await writeAgain(jsm, plan.name);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== NAME_IN_USE) throw error;
    return widenStream(jsm, plan, await jsm.streams.info(plan.name), changes);
  }
}

/** Widens an existing stream where the plan asks for more than it has. Throws `stream_differs`. */
export async function widenStream(
  jsm: JetStreamManager,
  plan: StreamPlan,
  existing: StreamInfo,
  changes: string[],
): Promise<StreamInfo> {
  const { widen, differences } = compareStream(plan, existing.config);
  if (differences.length > 0) throw codedError("stream_differs", `${plan.name}: ${differences.join("; ")}`);
  if (widen === undefined) return await writeAgain(jsm, plan.name);
  changes.push(`stream ${plan.name} widened: ${Object.keys(widen).join(", ")}`);
  return await jsm.streams.update(plan.name, widen);
}

/**
 * Has the broker write down once more what the stream is. A crash between the two files of its creation makes the broker forget the stream at its next
 * start, though it holds events by then; an update that changes nothing writes both again (nats-server 2.15.1).
 *
 * Servers that replicate judge by what they last heard of each other, and may make a stream for which a moment later they have no room. Then they refuse
 * every update of it, but the stream is there, and takes events until the disk space that they may use is really full.
 */
async function writeAgain(jsm: JetStreamManager, stream: string): Promise<StreamInfo> {
  try {
    return await jsm.streams.update(stream, {});
  } catch (error) {
    if (!hasNoRoom(error)) throw error;
    return await jsm.streams.info(stream);
  }
}

/** A stream as it is; undefined if there is none. */
export async function infoOf(jsm: JetStreamManager, stream: string): Promise<StreamInfo | undefined> {
  try {
    return await jsm.streams.info(stream);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === 10059) return undefined;
    throw error;
  }
}
