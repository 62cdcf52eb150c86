import { HoldfastError, isHoldfastError } from '../errors.ts';

/** For a client that does not wait for the server's hello. */
export function tooEarly(): HoldfastError {
  const message = "Client sent something before the server's hello";
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', message);
}

/** For a client that connects and says nothing. */
export function noHello(timeoutMs: number): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_HANDSHAKE_TIMEOUT', `No hello within ${timeoutMs} ms`);
}

/** For a client that takes no answers. */
export function deaf(backlogBytes: number, maxOutgoingBytes: number): HoldfastError {
  const message = `Client does not read: ${backlogBytes} bytes of replies wait, more than maxOutgoingBytes (${maxOutgoingBytes})`;
  return new HoldfastError('ERR_HOLDFAST_OUTGOING_FULL', message);
}

/** Why a link is given up when `error` was thrown. */
export function asFault(error: unknown): HoldfastError {
  if (isHoldfastError(error)) return error;
  // A defect of ours must not end the process: it costs this one link.
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', 'The message could not be processed', {
    cause: error,
  });
}
