/** What msgpackr packs of an object. */
export function partsOf(value: object): Iterable<unknown> {
  if (Array.isArray(value)) return value;
  if (value instanceof Map || value instanceof Set) return value.values();
  if (value instanceof Error) return [value.cause];
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON !== 'function') return Object.values(value);
  const json: unknown = toJSON.call(value);
  return json === value ? Object.values(value) : [json];
}

/** Far deeper than anything that may be sent. */
const endlessLevels = 400;

/** A cycle shows when one goes down; whoever has so many parts besides is not looked through. */
const maxLooks = 10_000;

let looksLeft = 0;

/** True for a value that is cyclic, or nested so deeply that it might as well be. */
export function isEndless(value: unknown): boolean {
  looksLeft = maxLooks;
  return goesDeeper(value, endlessLevels);
}

function goesDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  if (levels === 0) return true;
  for (const part of partsOf(value)) {
    if (--looksLeft < 0) return false;
    if (goesDeeper(part, levels - 1)) return true;
  }
  return false;
}
