/** A whole number above 0 that an option of the command line gives. */
export function count(option: string, given: string): number {
  const value = Number(given);
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`--${option} must be a whole number above 0, not ${given}`);
  }
  return value;
}

/** The items that a comma-separated option names, or all of them. */
export function choose<T>(
  option: string,
  given: string | undefined,
  all: readonly T[],
  nameOf: (item: T) => string,
): readonly T[] {
  return (
    given?.split(',').map((wanted) => {
      const item = all.find((one) => nameOf(one) === wanted);
      if (item !== undefined) return item;
      const known = all.map(nameOf).join(', ');
      throw new RangeError(`--${option} must be some of ${known}, not ${wanted}`);
    }) ?? all
  );
}
