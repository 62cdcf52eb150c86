import { HoldfastError } from '../../errors.ts';

/** An error for a frame that is shorter than its fields. */
export function truncated(name: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', `${name} frame has the wrong length`);
}

/** An error for a frame that has no place here. */
export function unexpected(type: number): HoldfastError {
  const shown = `0x${type.toString(16).padStart(2, '0')}`;
  return new HoldfastError('ERR_HOLDFAST_PROTOCOL', `Frame of type ${shown} is not expected here`);
}
