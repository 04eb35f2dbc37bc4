/** Some programs put a UTF-8 byte order mark in front of JSON; `JSON.parse` knows none, and many readers do not either. Pure; copies nothing. */
export function withoutMark(text: Uint8Array): Uint8Array {
  return text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? text.subarray(3) : text;
}
