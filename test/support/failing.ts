import { expect } from 'chai';
import { type ErrorCode, type HoldfastError, isHoldfastError } from '../../lib/index.ts';

/** The error that a promise or a function fails with; the test fails when it does not. */
export async function failureOf(failing: Promise<unknown> | (() => unknown)): Promise<unknown> {
  let value: unknown;
  try {
    value = await (typeof failing === 'function' ? failing() : failing);
  } catch (error) {
    return error;
  }
  throw new Error(`Did not fail, but gave ${String(value)}`);
}

/** The {@link HoldfastError} that something fails with, by its code and a part of its text. */
export async function expectFailure(
  failing: Promise<unknown> | (() => unknown),
  code: ErrorCode,
  text: string | RegExp = '',
): Promise<HoldfastError> {
  const error = await failureOf(failing);
  expect(isHoldfastError(error), String(error)).to.equal(true);
  const { code: got, message } = error as HoldfastError;
  expect(got, message).to.equal(code);
  if (typeof text === 'string') expect(message).to.include(text);
  else expect(message).to.match(text);
  return error as HoldfastError;
}
