/** Removes a UTF-8 byte order mark. Some programs put one before JSON, and `JSON.parse` and many readers reject it. Pure; copies nothing. */
export function withoutMark(text: Uint8Array): Uint8Array {
  return text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? text.subarray(3) : text;
}
