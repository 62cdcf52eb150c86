/** The time on a clock that all processes of a machine share, in microseconds. */
export function nowUs(): number {
  return Number(process.hrtime.bigint()) / 1_000;
}
