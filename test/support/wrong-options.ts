/** A value that an option must refuse, and how the error shows it. */
export type WrongValue = readonly [value: unknown, shown: string];

const noNumbers: readonly WrongValue[] = [
  ['10', 'got "10"'],
  [null, 'got null'],
  [true, 'got true'],
  [{}, 'got an object'],
  [[1], 'got an array'],
  [() => 1, 'got a function'],
  [10n, 'got 10'],
  [Symbol('ten'), 'got Symbol(ten)'],
  [Number.NaN, 'got NaN'],
  [-1, 'got -1'],
  [Number.POSITIVE_INFINITY, 'got Infinity'],
  [Number.NEGATIVE_INFINITY, 'got -Infinity'],
];

/** What no option in milliseconds may be: Node's timers fire at once above 2^31 - 1. */
export const wrongMilliseconds: readonly WrongValue[] = [
  ...noNumbers,
  [2 ** 31, 'got 2147483648'],
  [Number.MAX_VALUE, 'got 1.797'],
];

/** What no option that counts may be. */
export const wrongCounts: readonly WrongValue[] = [
  ...noNumbers,
  [0, 'got 0'],
  [1.5, 'got 1.5'],
  [2 ** 53, 'got 9007199254740992'],
];

/** The names among an object's that are options of one kind. */
export function namesOf(defaults: object, kind: 'milliseconds' | 'count'): string[] {
  return Object.keys(defaults).filter((name) =>
    kind === 'milliseconds'
      ? name.endsWith('Ms')
      : (name.startsWith('max') || name.endsWith('Bytes')) && !name.endsWith('Ms'),
  );
}
