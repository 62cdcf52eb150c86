import { type Check, ofType, optionError, show } from '../../util/check.ts';

/** A name or an address, which no program and no file can take for something else. */
export const hostCheck: Check = (name, value) => {
  ofType('string')(name, value);
  if (!/^(?!-)[A-Za-z0-9._:%-]{1,255}$/.test(value as string)) {
    throw optionError(`Option "${name}" must be a host name or an address, got ${show(value)}`);
  }
};

/** A string with something in it. */
export const textCheck: Check = (name, value) => {
  ofType('string')(name, value);
  if (value === '' || (value as string).includes('\0')) {
    throw optionError(`Option "${name}" must not be empty or have a NUL, got ${show(value)}`);
  }
};
