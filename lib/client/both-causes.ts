import { HoldfastError, isHoldfastError, messageOf } from '../errors.ts';

/** Why we ended a link, and what its medium has to say to that, e.g. a program's stderr. */
export function bothCauses(own: Error | undefined, medium: Error | undefined): Error | undefined {
  if (medium === undefined || !isHoldfastError(own)) return own ?? medium;
  const { code, message, final, retryAfterMs } = own;
  const both = `${message}; ${messageOf(medium)}`;
  return new HoldfastError(code, both, { final, retryAfterMs, cause: own.cause ?? medium });
}
