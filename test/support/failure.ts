import { HoldfastError } from '../../lib/index.ts';

/** The error that a promise is rejected with; a promise that resolves is an error of the test. */
export async function failureOf(promise: Promise<unknown>): Promise<HoldfastError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof HoldfastError) return error;
    throw new Error('Expected a HoldfastError', { cause: error });
  }
  throw new Error(`Expected a failure, got ${String(value)}`);
}
