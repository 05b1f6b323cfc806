/**
 * The greatest speed that is safe towards an end: the v, at least 0, which goes on for `seconds`
 * and is then braked to rest within `distance`, so v * seconds + v^2 / (2 * braking) = distance.
 * Who keeps it at each decision, at least every 2 * `seconds`, never has to brake harder than
 * `braking` to keep it at the next. Any consistent units; `braking` and `seconds` are above 0 and
 * finite, `distance` is finite.
 */
export function approachSpeed(distance: number, braking: number, seconds: number): number {
  if (distance <= 0) return 0;
  const room = 2 * braking * distance;
  const lost = braking * seconds;
  // As a quotient, because the difference of the root and `lost` would cancel near the end.
  return room / (Math.sqrt(lost * lost + room) + lost);
}
