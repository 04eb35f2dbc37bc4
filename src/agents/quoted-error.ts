/** The message of an error that a program passes on as the model's JSON. Pure. */
export function quotedError(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } };
    return typeof error?.message === "string" ? error.message : text;
  } catch {
    return text;
  }
}
