import { codedError } from "../../shared/errors.ts";

type ApiError = { code: number; err_code?: number; description?: string };

const CONSUMER_NOT_FOUND = 10014;
const STREAM_NOT_FOUND = 10059;

/** Checks a JetStream API reply; throws `consumer_missing` or `stream_missing` where `provision` has to be run, else a plain error. */
export function readApiReply<T extends object>(reply: T & { error?: ApiError }, what: string): T {
  const { error } = reply;
  if (error === undefined) return reply;
  if (error.err_code === CONSUMER_NOT_FOUND)
    throw codedError("consumer_missing", `${what}: run \`provision\``);
  if (error.err_code === STREAM_NOT_FOUND) throw codedError("stream_missing", `${what}: run \`provision\``);
  throw new Error(`${what}: ${error.description ?? "refused"} (${error.err_code ?? error.code})`);
}
