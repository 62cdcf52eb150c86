import type { StandardSchema } from '../../lib/index.ts';

/** A validator that takes everything as it is. */
export const anything: StandardSchema = {
  '~standard': { version: 1, vendor: 'holdfast-test', validate: (value) => ({ value }) },
};
