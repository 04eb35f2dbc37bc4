import { importOptional } from "../optional-package.ts";

// What of @anthropic-ai/sdk is used, in types of our own: it is an optional peer, and need not be there when this is compiled.

export type Block =
  | { type: "text"; text: string }
  | { type: "thinking"; thinking: string }
  | { type: "tool_use"; id: string; name: string; input: unknown }
  | { type: "other" };

export type ApiMessage = {
  id: string;
  model: string;
  content: Block[];
  stop_reason: string | null;
  usage: { input_tokens: number; output_tokens: number; cache_read_input_tokens?: number | null };
};

/** A message to the model. `content` is a text, or blocks: answers are sent back as they came. */
export type Said = { role: "user" | "assistant"; content: unknown };

export type ApiRequest = {
  model: string;
  max_tokens: number;
  system?: string;
  messages: readonly Said[];
  tools: readonly object[];
};

/** An answer on its way: the events of the stream, then the whole of it. */
export type ApiStream = AsyncIterable<Record<string, unknown>> & { finalMessage(): Promise<ApiMessage> };

export type ApiClient = {
  messages: { stream(request: ApiRequest, options: { signal: AbortSignal }): ApiStream };
};

export type ApiSdk = {
  default: new (of: { apiKey: string; baseURL?: string; maxRetries: number }) => ApiClient;
};

/** Loads the SDK. Throws `AGENT_UNAVAILABLE` if it is not there. */
export async function loadApiSdk(): Promise<ApiSdk> {
  return (await importOptional("@anthropic-ai/sdk")) as ApiSdk;
}
