/** The server is told of so many at a time, and so many are kept until it can be. */
const mostAtOnce = 500;
const mostKept = 16_000;

/** A call, as far as that goes. */
export interface Overtaking {
  readonly number: number;
  /** The server keeps its answer. */
  readonly isRecorded: boolean;
  readonly stream: object | undefined;
}

const nothing: readonly number[] = [];

/**
 * Calls that have settled while a stream that was made before them goes on: it keeps the number back
 * below which all are settled, and the server would keep their answers as long as it lasts.
 */
export class Overtakers {
  #streams = 0;
  #numbers: number[] = [];

  begin({ stream }: Overtaking): void {
    if (stream !== undefined) this.#streams++;
  }

  settled({ number, isRecorded, stream }: Overtaking): void {
    if (stream !== undefined && --this.#streams === 0) this.#numbers = [];
    if (this.#streams === 0 || !isRecorded) return;
    if (this.#numbers.length < mostKept) this.#numbers.push(number);
  }

  /** Those that the server was not told of, from `number` on. */
  take(number: number): readonly number[] {
    if (this.#numbers.length === 0) return nothing;
    return this.#numbers.splice(0, mostAtOnce).filter((settled) => settled >= number);
  }
}
