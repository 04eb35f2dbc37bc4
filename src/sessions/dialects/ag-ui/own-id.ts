/** Ids of messages and calls that we make: of the place in the log at which they begin, so that every stream has the same ones. */
export function ownId(seq: number, of?: string): string {
  return of === undefined ? `rr_${seq}` : `rr_${seq}_${of}`;
}

/** May others not choose it, because ids of ours have this form? Pure. */
export function isOwnForm(id: string): boolean {
  return /^rr_/i.test(id);
}
