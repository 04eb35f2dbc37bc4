/** Cheap check for texts that are too long to parse: true if the first and the last byte (without white space) are those of a JSON object. Pure. */
export function looksLikeObject(text: Uint8Array): boolean {
  return text.find(isInk) === 0x7b && text.findLast(isInk) === 0x7d;
}

/** The same for an object or a list. Pure. */
export function looksLikeStructure(text: Uint8Array): boolean {
  return looksLikeObject(text) || (text.find(isInk) === 0x5b && text.findLast(isInk) === 0x5d);
}

function isInk(byte: number): boolean {
  return byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09;
}
