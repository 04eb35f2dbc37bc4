/** Length of every body, bytes: what the budgets of docs/performance.md, "Figures", are measured with. */
const BODY_BYTES = 400;

/** An event as an executor sends it, exactly 400 bytes. */
export function eventBody(session: string): string {
  const event = {
    session_id: session,
    event_type: "message",
    timestamp: "2026-01-01T00:00:00.000Z",
    role: "assistant",
    content: [{ type: "text", text: "" }],
  };
  const missing = BODY_BYTES - JSON.stringify(event).length;
  event.content = [{ type: "text", text: "lorem ipsum ".repeat(40).slice(0, missing) }];
  return JSON.stringify(event);
}
