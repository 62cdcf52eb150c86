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

/** What the output schema makes of a reply; throws `ERR_HOLDFAST_OUTPUT` when it does not pass. */
export async function checkedOutput(verb: VerbUse, output: unknown): Promise<unknown> {
  if (verb.output === undefined) return output;
  const result = await verb.output['~standard'].validate(output);
  if (result.issues === undefined) return result.value;
  const message = `Call "${verb.name}" got a wrong reply: ${describeIssues(result.issues)}`;
  throw new HoldfastError('ERR_HOLDFAST_OUTPUT', message, { verb: verb.name, outcome: 'executed' });
}
