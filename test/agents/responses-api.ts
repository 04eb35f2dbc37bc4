import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { Answer, Fault, Model, Step } from "./model.ts";

// OpenAI's Responses API on loopback, as far as Codex uses it: one stream of events per request.

export type ResponsesApi = AsyncDisposable & { url: string };

let ids = 0;

/** Serves a model until it is disposed of. */
export async function serveResponses(model: Model): Promise<ResponsesApi> {
  const server = createServer((request, response) => {
    if (request.method !== "POST" || request.url !== "/v1/responses")
      return void response.writeHead(404).end("{}");
    void json(request).then(
      (body) => answer(response, model.next(body)),
      () => response.writeHead(400).end(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

type Send = (type: string, data: object) => void;

function answer(response: ServerResponse, it: Answer): void {
  if ("fault" in it) return fail(response, it.fault);
  const send = begin(response);
  const output = itemsOf(it.steps).map((item, index) => sendItem(send, index, item));
  send("response.completed", { response: { id: `resp_${++ids}`, output, usage: USAGE } });
  response.end();
}

function fail(response: ServerResponse, fault: Fault): void {
  if (fault.kind === "refused") {
    const { status, type, retryAfter } = fault;
    response.writeHead(status, {
      "content-type": "application/json",
      ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
    });
    return void response.end(JSON.stringify({ error: { type, code: type, message: `scripted ${type}` } }));
  }
  const send = begin(response);
  if (fault.kind === "garbage") {
    response.write("event: response.output_text.delta\ndata: {no json\n\n");
    return void response.end();
  }
  for (const [index, item] of itemsOf(fault.steps).entries())
    sendItem(send, index, item, fault.kind === "silent");
  if (fault.kind === "broken") response.write("", () => response.destroy());
}

const USAGE = {
  input_tokens: 50,
  input_tokens_details: { cached_tokens: 5 },
  output_tokens: 12,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 62,
};

function begin(response: ServerResponse): Send {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  const send: Send = (type, data) =>
    void response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  send("response.created", { response: { id: `resp_${++ids}` } });
  return send;
}

type Item =
  | { type: "message"; text: string }
  | { type: "reasoning"; text: string }
  | { type: "function_call"; name: string; arguments: object };

/** Texts that follow each other are one message, as this API has them; structured data is the text of the answer. */
function itemsOf(steps: readonly Step[]): Item[] {
  const items: Item[] = [];
  for (const step of steps) {
    const last = items.at(-1);
    if ("thinking" in step) items.push({ type: "reasoning", text: step.thinking });
    else if ("shell" in step)
      items.push({ type: "function_call", name: "exec_command", arguments: { cmd: step.shell } });
    else {
      const text = "text" in step ? step.text : JSON.stringify(step.structured);
      if (last?.type === "message") last.text += text;
      else items.push({ type: "message", text });
    }
  }
  return items;
}

/** Sends an item in a few parts. Returns it as a whole. */
function sendItem(send: Send, index: number, item: Item, whole = true): object {
  const id = `${item.type}_${++ids}`;
  const of = { output_index: index, item_id: id };
  const added = (empty: object): void => send("response.output_item.added", { ...of, item: empty });
  const done = (full: object): object => {
    if (whole) send("response.output_item.done", { ...of, item: full });
    return full;
  };
  switch (item.type) {
    case "message": {
      const base = { type: "message", id, role: "assistant" };
      added({ ...base, content: [] });
      for (const delta of partsOf(item.text))
        send("response.output_text.delta", { ...of, content_index: 0, delta });
      return done({ ...base, content: [{ type: "output_text", text: item.text, annotations: [] }] });
    }
    case "reasoning": {
      const base = { type: "reasoning", id };
      added({ ...base, summary: [] });
      send("response.reasoning_summary_part.added", { ...of, summary_index: 0 });
      for (const delta of partsOf(item.text))
        send("response.reasoning_summary_text.delta", { ...of, summary_index: 0, delta });
      return done({ ...base, summary: [{ type: "summary_text", text: item.text }] });
    }
    case "function_call": {
      const call = { type: "function_call", id, call_id: `call_${++ids}`, name: item.name };
      return done({ ...call, arguments: JSON.stringify(item.arguments) });
    }
  }
}

/** A few parts, so that there is something to put together again. */
function partsOf(text: string): string[] {
  const size = Math.max(8, Math.ceil(text.length / 20));
  const parts: string[] = [];
  for (let at = 0; at < text.length; at += size) parts.push(text.slice(at, at + size));
  return parts;
}
