import { nowUs } from '../harness/now.ts';

/**
 * Cuts the connection in the middle of a call: it has arrived, nothing is answered yet. The same
 * call again tells when.
 */
export class Cut {
  /** Ends the connection that the call came on. */
  readonly #end: () => void;
  #round = -1;
  #atUs = 0;

  constructor(end: () => void) {
    this.#end = end;
  }

  /** The first call of a round cuts. Returns when that was, as does the same call again. */
  call(round: number): number {
    if (this.isNew(round)) {
      this.#round = round;
      this.#atUs = nowUs();
      this.#end();
    }
    return this.#atUs;
  }

  /** True when the call will cut. */
  isNew(round: number): boolean {
    return round !== this.#round;
  }
}
