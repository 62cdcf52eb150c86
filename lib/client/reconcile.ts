import type { AttemptRecord } from '../errors.ts';
import { type Check, ofType, optionError, show } from '../util/check.ts';
import { suggestion } from '../util/nearest.ts';
import type { HandlerOutputOf, InputOf } from '../verbs/types.ts';
import type { AnyVerb, Verbs } from '../verbs/verb.ts';

/**
 * What the application has found out about a call that may have run.
 *
 * - `applied`: it ran. The call resolves with `output`, which is what its handler would have
 *   returned; an output schema is applied to it.
 * - `not-applied`: no copy of it ran, and none can run any more. It is sent again, whatever its
 *   class.
 * - `unknown`: that cannot be told. The call fails with the outcome `unknown`.
 */
export type Reconciled<Output = unknown> =
  | ({ readonly result: 'applied' } & OutputField<Output>)
  | { readonly result: 'not-applied' }
  | { readonly result: 'unknown' };

type OutputField<Output> = unknown extends Output
  ? { readonly output: Output }
  : undefined extends Output
    ? { readonly output?: Output }
    : { readonly output: Output };

/** What the application is told of the call that it is asked about. */
export interface ReconcileContext {
  readonly verb: string;
  /** The key that the call was made with, if it was. */
  readonly key: string | undefined;
  /** Every attempt so far, oldest first. */
  readonly attempts: readonly AttemptRecord[];
  /** Aborts when the answer is not wanted any more: at the deadline, when cancelled or closed. */
  readonly signal: AbortSignal;
}

/**
 * Finds out what became of a call. It is given the call's input, as the application passed it, and
 * may make calls itself, also with the same client. It has time until the call's deadline. What it
 * throws counts as `unknown`. While the client closes, it is still asked and waited for, but the
 * closing client makes no new calls for it.
 */
export type Reconcile<V extends AnyVerb = AnyVerb> = (
  input: InputOf<V>,
  context: ReconcileContext,
) => Reconciled<HandlerOutputOf<V>> | PromiseLike<Reconciled<HandlerOutputOf<V>>>;

/** Who is asked, by verb. */
export type Reconcilers<V extends Verbs = Verbs> = {
  readonly [Name in keyof V]?: Reconcile<V[Name]> | undefined;
};

/** Checks the option. */
export const reconcilers: Check = (name, value) => {
  ofType('object')(name, value);
  for (const [verb, reconcile] of Object.entries(value as object)) {
    if (reconcile !== undefined) ofType('function')(`${name}.${verb}`, reconcile);
  }
};

/** Refuses names that are no verbs of the registry. */
export function checkNames(given: Reconcilers | undefined, registry: Verbs): void {
  for (const name of Object.keys(given ?? {})) {
    if (Object.hasOwn(registry, name)) continue;
    const nearest = suggestion(name, Object.keys(registry));
    throw optionError(`Option "reconcile" names the unknown verb ${show(name)}${nearest}`);
  }
}

/** What is kept of a call for the case that the application must be asked. */
export interface Question {
  readonly reconcile: Reconcile;
  readonly input: unknown;
  readonly key: string | undefined;
  /** Set while the application looks for an answer. */
  asked: AbortController | undefined;
}

/** The question about a call of this verb, if there is somebody to ask. */
export function questionOf(
  given: Reconcilers | undefined,
  verb: string,
  input: unknown,
  key: string | undefined,
): Question | undefined {
  if (given === undefined || !Object.hasOwn(given, verb)) return undefined;
  const reconcile = given[verb];
  return reconcile === undefined ? undefined : { reconcile, input, key, asked: undefined };
}
