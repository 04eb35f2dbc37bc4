/** An answer of the coordinator as it comes, in this order: head, data …, end; or `failed` at any time. `data` returns false to be paused. */
export type AnswerEvents = {
  head(status: number, statusText: string, rawHeaders: string[]): void;
  data(bytes: Uint8Array): boolean;
  end(trailers: string[]): void;
  failed(code: string, text: string): void;
};
