import { HoldfastError, isHoldfastError } from '../errors.ts';

/** For a client that does not wait for the server's hello. */
export function tooEarly(): HoldfastError {
  const message = "Client sent something before the server's hello";
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', message);
}

/** Why a link is given up when `error` was thrown. */
export function asFault(error: unknown): HoldfastError {
  if (isHoldfastError(error)) return error;
  // A defect of ours must not end the process: it costs this one link.
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', 'The message could not be processed', {
    cause: error,
  });
}
