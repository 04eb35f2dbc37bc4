import type { CallToolResult } from "./library.ts";
import type { Outcome } from "./tool.ts";

/**
 * An outcome in the protocol's form: as text for models, one item for an object and one per element of a list, and as `structuredContent` for programs.
 * A failure has the original's text `{"error": …}` and, unlike there, is marked as one. Pure.
 */
export function toolResult(outcome: Outcome): CallToolResult {
  switch (outcome.kind) {
    case "object":
      return { content: [textOf(outcome.value)], structuredContent: { ...outcome.value } };
    case "list":
      return { content: outcome.items.map(textOf), structuredContent: { result: [...outcome.items] } };
    case "failed":
      return { content: [textOf({ error: outcome.text })], isError: true };
  }
}

function textOf(value: object): { type: "text"; text: string } {
  return { type: "text", text: JSON.stringify(value, null, 2) };
}
