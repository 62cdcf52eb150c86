import { messageOf } from '../errors.ts';
import { isThenable } from '../util/is-thenable.ts';
import { describeIssues, type StandardResult, type StandardSchema } from '../verbs/schema.ts';
import type { Accept } from '../verbs/verb.ts';
import type { VerbUse } from './verb-use.ts';

/** What is found of a reply: it is good, and this is the output, or why it is not. */
export type Content =
  | { readonly isGood: true; readonly output: unknown }
  | { readonly isGood: false; readonly why: string; readonly cause?: unknown };

/** Looks at a reply; a promise where a validator or `accept` gives one. Neither throws nor rejects. */
export type ContentCheck = (value: unknown) => Content | Promise<Content>;

/** What a call's replies must satisfy: the verb's output schema, its `accept`, and the call's. */
export function contentCheck(
  { output, accept }: VerbUse,
  callAccept: Accept<never> | undefined,
): ContentCheck | undefined {
  const steps: Step[] = [];
  if (output !== undefined) steps.push((value) => validated(output, value));
  for (const one of [accept, callAccept]) {
    if (one !== undefined) steps.push((value) => accepted(one as Accept<unknown>, value));
  }
  return steps.length === 0 ? undefined : (value) => run(steps, value);
}

/** What is found of an item of a stream. */
export async function contentOfItem(schema: StandardSchema, item: unknown): Promise<Content> {
  return await run([(value) => validated(schema, value)], item);
}

type Step = (value: unknown) => Content | PromiseLike<Content>;

/** One step after the other, each with what the one before made of the reply. */
function run(steps: readonly Step[], value: unknown): Content | Promise<Content> {
  let content: Content = { isGood: true, output: value };
  for (const [index, step] of steps.entries()) {
    if (!content.isGood) return content;
    try {
      const next = step(content.output);
      if (isThenable(next)) return later(next, steps.slice(index + 1));
      content = next;
    } catch (error) {
      return flawed(error);
    }
  }
  return content;
}

async function later(first: PromiseLike<Content>, rest: readonly Step[]): Promise<Content> {
  try {
    const content = await first;
    return content.isGood ? await run(rest, content.output) : content;
  } catch (error) {
    return flawed(error);
  }
}

function validated(schema: StandardSchema, value: unknown): Content | PromiseLike<Content> {
  const result = schema['~standard'].validate(value);
  return isThenable(result) ? Promise.resolve(result).then(contentOf) : contentOf(result);
}

function contentOf({ issues, ...result }: StandardResult<unknown>): Content {
  if (issues !== undefined) return { isGood: false, why: describeIssues(issues) };
  return { isGood: true, output: (result as { readonly value: unknown }).value };
}

function accepted(accept: Accept<unknown>, output: unknown): Content | PromiseLike<Content> {
  const verdict = accept(output);
  const conclude = (isAccepted: boolean): Content =>
    isAccepted ? { isGood: true, output } : { isGood: false, why: 'it is not accepted' };
  return isThenable(verdict) ? Promise.resolve(verdict).then(conclude) : conclude(verdict);
}

function flawed(error: unknown): Content {
  return { isGood: false, why: `it could not be checked: ${messageOf(error)}`, cause: error };
}

/** A call, as far as the judgement of its reply is concerned. */
interface Examined {
  readonly isSettled: boolean;
  readonly past: { isChecked: boolean };
  whileTelling(look: () => Content | Promise<Content>): Content | Promise<Content>;
}

/** Looks at the reply of a call, and tells what is found unless the call has settled meanwhile. */
export function examine(
  call: Examined,
  check: ContentCheck,
  value: unknown,
  tell: (content: Content) => void,
): void {
  const found = call.whileTelling(() => check(value));
  if (!isThenable(found)) {
    tell(found);
    return;
  }
  const { past } = call;
  past.isChecked = true;
  void found.then((content) => {
    if (call.isSettled) return;
    past.isChecked = false;
    tell(content);
  });
}
