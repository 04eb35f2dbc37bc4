/**
 * The side of a peer: a process of its own that says its URL once and answers one question at a time (`../peer.ts` is the other side).
 * It ends with the process that started it.
 */
export function servePeer(url: string, answer: (question: unknown) => Promise<unknown>): void {
  process.on("message", (question: unknown) => {
    answer(question).then(
      (value) => process.send?.({ value }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
    );
  });
  process.once("disconnect", () => process.exit(0));
  process.send?.({ value: url });
}
