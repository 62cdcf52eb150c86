import { HoldfastError } from '../errors.ts';
import { describeIssues } from '../verbs/schema.ts';
import type { VerbUse } from './verb-use.ts';

/** Throws `ERR_HOLDFAST_INPUT` unless the input satisfies the verb's schema, if it has one. */
export async function checkedInput(verb: VerbUse, input: unknown): Promise<void> {
  const result = await verb.input?.['~standard'].validate(input);
  if (result?.issues === undefined) return;
  const message = `Call "${verb.name}" was not made: its input is wrong: ${describeIssues(result.issues)}`;
  throw new HoldfastError('ERR_HOLDFAST_INPUT', message, { verb: verb.name, final: true });
}
