const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * The milliseconds of a time such as `500ms`, `1.5s` or `2m`. Without a unit it is refused: nobody
 * should wait for half an hour because of a wrong guess.
 */
export function durationMs(given: string, maxMs: number): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(given) ?? [];
  const ms = Number(digits) * (units[unit] ?? Number.NaN);
  if (ms > 0 && ms <= maxMs) return ms;
  throw new Error(`must be a time such as 500ms, 5s or 2m, at most 24 days, got "${given}"`);
}

/** A time as people read it, e.g. `0.21 ms`, `12.5 ms`, `1.30 s`. */
export function durationText(ms: number): string {
  if (ms >= 60_000) return `${threeDigits(ms / 60_000)} min`;
  return ms >= 1_000 ? `${threeDigits(ms / 1_000)} s` : `${threeDigits(ms)} ms`;
}

function threeDigits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}
