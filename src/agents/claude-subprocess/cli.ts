import { randomUUID } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import type { Clock } from "../../shared/base/clock.ts";
import { parseJsonWithin, type JsonLimits } from "../../shared/base/json-scan.ts";
import { errorText } from "../../shared/base/errors.ts";
import { readLines } from "../lines.ts";
import { cliArguments, initializeOf } from "./cli-arguments.ts";
import type { Sdk, SdkMessage, SdkOptions, SdkProcess, SdkQuery, SdkUserMessage } from "./sdk.ts";

// The user's own CLI without the SDK: what is used of the SDK, over the CLI's stream of JSON lines. Both sides ask each other with `control_request`, and answer with `control_response`.

/** Longest line: a tool may have read a whole file. It is cut when it becomes an event. */
const LINE: JsonLimits & { bytes: number } = { bytes: 64 * 1024 * 1024, depth: 128, values: 1_000_000 };
/** How long the CLI may take to answer the first question; it takes a second, or ten on a loaded machine. */
const INTRODUCTION_MS = 60_000;
/** Most questions of the CLI that wait for an answer at one time: each may wait for a person. */
const MOST_ASKED = 100;

type Asked = { subtype?: unknown } & Record<string, unknown>;

/** What is used of the SDK, by a CLI at `executable`. */
export function cliSdk(executable: string, clock: Clock): Sdk {
  return {
    storeless: true,
    query({ prompt, options }) {
      const process = options.spawnClaudeCodeProcess({
        command: executable,
        args: cliArguments(options),
        env: options.env,
      });
      return createQuery({ process, prompt, options, clock });
    },
  };
}

type Query = {
  process: SdkProcess;
  prompt: AsyncIterable<SdkUserMessage>;
  options: SdkOptions;
  clock: Clock;
};

function createQuery({ process, prompt, options, clock }: Query): SdkQuery {
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  process.once("error", (error) => failed.reject(error));
  const talk = createTalk(process.stdin, options);
  const cancel = clock.after(INTRODUCTION_MS, () =>
    failed.reject(new Error("the CLI does not answer; it may be of another version")),
  );
  const first = talk.ask(initializeOf(options)).finally(cancel);
  void say(process.stdin, { prompt, first }).catch(failed.reject);
  return {
    [Symbol.asyncIterator]: () => messages(process.stdout, { talk, failed: failed.promise }),
    interrupt: () => talk.ask({ subtype: "interrupt" }),
    setPermissionMode: (mode) => talk.ask({ subtype: "set_permission_mode", mode }),
    close: () => void process.kill("SIGTERM"),
  };
}

/** Sends what the user says, as it comes, behind the introduction. */
async function say(
  stdin: Writable,
  { prompt, first }: { prompt: AsyncIterable<SdkUserMessage>; first: Promise<unknown> },
): Promise<void> {
  await first;
  for await (const message of prompt) stdin.write(`${JSON.stringify(message)}\n`);
  stdin.end();
}

/** The messages of the CLI but those between it and us. */
async function* messages(
  stdout: Readable,
  { talk, failed }: { talk: Talk; failed: Promise<never> },
): AsyncGenerator<SdkMessage> {
  const lines = readLines(stdout, LINE.bytes);
  try {
    for (;;) {
      const { value: line, done } = await Promise.race([lines.next(), failed]);
      if (done === true) return;
      const message = parseJsonWithin(line, LINE);
      if (!isMessage(message)) continue; // some programs greet
      if (!talk.take(message)) yield message;
    }
  } finally {
    talk.end();
  }
}

type Talk = {
  /** Asks the CLI. Rejects if it refuses, or ends. */
  ask(request: Asked): Promise<unknown>;
  /** True if the message was between the CLI and us. */
  take(message: SdkMessage): boolean;
  end(): void;
};

function createTalk(stdin: Writable, options: SdkOptions): Talk {
  const waiting = new Map<string, PromiseWithResolvers<unknown>>();
  let asked = 0;
  let ended = false;
  const send = (message: object): void => void stdin.write(`${JSON.stringify(message)}\n`);

  async function answer(id: unknown, request: Asked): Promise<void> {
    asked++;
    try {
      if (asked > MOST_ASKED) throw new Error(`more than ${MOST_ASKED} requests wait for an answer`);
      const response = await answerOf(options, request);
      send({ type: "control_response", response: { subtype: "success", request_id: id, response } });
    } catch (error) {
      const refusal = { subtype: "error", request_id: id, error: errorText(error) };
      send({ type: "control_response", response: refusal });
    } finally {
      asked--;
    }
  }

  function answered(response: Asked): void {
    const it = waiting.get(String(response["request_id"]));
    waiting.delete(String(response["request_id"]));
    if (response.subtype === "success") it?.resolve(response["response"]);
    else it?.reject(new Error(`the CLI refused: ${String(response["error"])}`));
  }

  return {
    ask(request) {
      if (ended) return Promise.reject(new Error("the CLI has ended"));
      const id = randomUUID();
      const it = Promise.withResolvers<unknown>();
      it.promise.catch(() => undefined); // also if nobody waits any more when it ends
      waiting.set(id, it);
      send({ type: "control_request", request_id: id, request });
      return it.promise;
    },
    take(message) {
      const { type, request_id: id, request, response } = message;
      if (type === "control_request") void answer(id, objectIn(request));
      else if (type === "control_response") answered(objectIn(response));
      else return type === "control_cancel_request" || type === "keep_alive";
      return true;
    },
    end() {
      ended = true;
      for (const it of waiting.values()) it.reject(new Error("the CLI has ended"));
      waiting.clear();
    },
  };
}

/** Answers what the CLI asks. What it does not know how to answer is refused, so that nothing is allowed by it. */
async function answerOf(options: SdkOptions, request: Asked): Promise<object> {
  switch (request.subtype) {
    case "can_use_tool": {
      const { tool_name: name, input, tool_use_id: id, title } = request;
      const given = objectIn(input);
      const decision = await options.canUseTool(String(name), given, {
        ...(typeof id === "string" ? { toolUseID: id } : {}),
        ...(typeof title === "string" ? { title } : {}),
      });
      return { ...decision, ...(typeof id === "string" ? { toolUseID: id } : {}) };
    }
    case "hook_callback": {
      const [hook] = options.hooks.PreToolUse.flatMap(({ hooks }) => hooks);
      return hook === undefined ? {} : await hook(request["input"]);
    }
    default:
      throw new Error(`there is no answer to ${String(request.subtype)}`);
  }
}

function isMessage(value: unknown): value is SdkMessage {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function objectIn(value: unknown): Asked {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
