import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { say, type Answer, type Model, type Step } from "./model.ts";

// Anthropic's Messages API on loopback, as far as agents use it: streams, and answers to questions that are no stream.

export type MessagesApi = AsyncDisposable & {
  url: string;
  /** Breaks off all connections, as the end of the process at the other side does. */
  breakOff(): void;
};

type Call = { name: string; input: unknown };

/** How the agent's own tool that runs a command is called. */
export type ShellTool = (command: string) => Call;

let ids = 0;

/** Serves a model until it is disposed of. */
export async function serveMessages(model: Model, shell: ShellTool): Promise<MessagesApi> {
  const server = createServer((request, response) => {
    void json(request).then(
      (body) => {
        if (!request.url?.startsWith("/v1/messages") || request.url.includes("count_tokens"))
          return void response.writeHead(404).end("{}");
        const { stream = false, tools } = body as { stream?: boolean; tools?: unknown[] };
        // without tools it is no turn: Claude Code looks whether its key is good, or wants a title
        const next = (tools ?? []).length === 0 ? say("(aside)") : model.next(body);
        return answer(response, { answer: next, shell, stream });
      },
      () => response.writeHead(400).end(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    breakOff: () => server.closeAllConnections(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function answer(
  response: ServerResponse,
  { answer: it, shell, stream }: { answer: Answer; shell: ShellTool; stream: boolean },
): void {
  if ("fault" in it) return fail(response, it.fault, shell);
  if (!stream) {
    const content = it.steps.map((step) => wholeBlock(step, shell));
    response.writeHead(200, { "content-type": "application/json" });
    return void response.end(JSON.stringify({ ...head(), content, stop_reason: stopOf(it.steps) }));
  }
  const send = begin(response);
  send("message_start", { message: head() });
  for (const [index, step] of it.steps.entries()) sendBlock(send, index, step, shell);
  send("message_delta", {
    delta: { stop_reason: stopOf(it.steps), stop_sequence: null },
    usage: { output_tokens: 20 },
  });
  send("message_stop", {});
  response.end();
}

function fail(
  response: ServerResponse,
  fault: Extract<Answer, { fault: unknown }>["fault"],
  shell: ShellTool,
): void {
  if (fault.kind === "refused") {
    const { status, type, retryAfter } = fault;
    response.writeHead(status, {
      "content-type": "application/json",
      ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
    });
    return void response.end(JSON.stringify({ type: "error", error: { type, message: `scripted ${type}` } }));
  }
  const send = begin(response);
  send("message_start", { message: head() });
  if (fault.kind === "garbage") {
    response.write("event: content_block_delta\ndata: {no json\n\n");
    return void response.end();
  }
  for (const [index, step] of fault.steps.entries())
    sendBlock(send, index, step, shell, fault.kind === "silent");
  if (fault.kind === "broken") response.write("", () => response.destroy());
}

type Send = (type: string, data: object) => void;

function begin(response: ServerResponse): Send {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  return (type, data) => response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
}

function head(): object {
  return {
    id: `msg_${++ids}`,
    type: "message",
    role: "assistant",
    model: "claude-sonnet-4-5",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: {
      input_tokens: 100,
      output_tokens: 1,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
    },
  };
}

function stopOf(steps: Step[]): string {
  return steps.some((step) => "shell" in step || "structured" in step) ? "tool_use" : "end_turn";
}

function wholeBlock(step: Step, shell: ShellTool): object {
  if ("text" in step) return { type: "text", text: step.text };
  if ("thinking" in step) return { type: "thinking", thinking: step.thinking, signature: "s" };
  return { type: "tool_use", id: `toolu_${++ids}`, ...callOf(step, shell) };
}

/** Structured data comes by a tool. */
function callOf(step: Extract<Step, { shell: string } | { structured: unknown }>, shell: ShellTool): Call {
  return "shell" in step ? shell(step.shell) : { name: "StructuredOutput", input: step.structured };
}

function sendBlock(send: Send, index: number, step: Step, shell: ShellTool, whole = true): void {
  const delta = (of: object): void => send("content_block_delta", { index, delta: of });
  if ("text" in step) {
    send("content_block_start", { index, content_block: { type: "text", text: "" } });
    for (const part of partsOf(step.text)) delta({ type: "text_delta", text: part });
  } else if ("thinking" in step) {
    send("content_block_start", { index, content_block: { type: "thinking", thinking: "", signature: "" } });
    for (const part of partsOf(step.thinking)) delta({ type: "thinking_delta", thinking: part });
    delta({ type: "signature_delta", signature: "s" });
  } else {
    const { name, input } = callOf(step, shell);
    send("content_block_start", {
      index,
      content_block: { type: "tool_use", id: `toolu_${++ids}`, name, input: {} },
    });
    for (const part of partsOf(JSON.stringify(input)))
      delta({ type: "input_json_delta", partial_json: part });
  }
  if (whole) send("content_block_stop", { index });
}

/** A few parts, so that there is something to put together again. */
function partsOf(text: string): string[] {
  const size = Math.max(8, Math.ceil(text.length / 20));
  const parts: string[] = [];
  for (let at = 0; at < text.length; at += size) parts.push(text.slice(at, at + size));
  return parts;
}
