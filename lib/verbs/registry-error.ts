import { HoldfastError } from '../errors.ts';

/** An `ERR_HOLDFAST_REGISTRY` error. */
export function registryError(message: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_REGISTRY', message, { final: true });
}
