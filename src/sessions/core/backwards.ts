/** How many events of a session lie at a place or behind it. */
type CountFrom = (place: number) => Promise<number>;

/**
 * The first place from which `limit` events, or all there are, lie before the place `before`. The log is read forward only, but it counts: so the place is found by steps that
 * double, then by halves. The numbers of a session's events have gaps of any size between them.
 */
export async function startBefore(
  countFrom: CountFrom,
  { before, limit }: { before: number; limit: number },
): Promise<number> {
  if (before <= 1) return 1;
  const behind = await countFrom(before);
  const between = async (place: number): Promise<number> => (await countFrom(place)) - behind;
  let low = before;
  for (let step = limit; ; step *= 2) {
    low = Math.max(1, low - step);
    const count = await between(low);
    if (count === limit || (count < limit && low === 1)) return low;
    if (count > limit) break;
  }
  // from `low` on there are too many, from `high` on too few
  let high = before;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const count = await between(middle);
    if (count === limit) return middle;
    if (count > limit) low = middle;
    else high = middle;
  }
  return low;
}
