import type { TransactionalStore } from '../completions/store.ts';
import { show } from '../util/check.ts';
import { suggestion } from '../util/nearest.ts';
import {
  type AnyVerb,
  defineVerbs,
  type HandlerInputOf,
  type HandlerOutputOf,
  registryError,
  type Verbs,
} from '../verbs/define.ts';
import type { CallContext } from './call-context.ts';
import { transactionalStoreOf } from './transactional.ts';

/**
 * One function for each verb of a registry. A `Uint8Array` of more than 4 KiB that a handler returns
 * is not copied: it must not be changed afterwards, for it may be sent more than once.
 */
export type Handlers<V extends Verbs> = {
  readonly [Name in keyof V]: (
    input: HandlerInputOf<V[Name]>,
    call: CallContext,
  ) => HandlerOutputOf<V[Name]> | Promise<HandlerOutputOf<V[Name]>>;
};

/** A handler without its types. */
export type Handler = (input: unknown, call: CallContext) => unknown;

/** A verb as the server runs it. */
export interface ServedVerb {
  readonly name: string;
  readonly verb: AnyVerb;
  readonly handler: Handler;
  /** True when a call is only decoded, handled and answered; false when there is more to do. */
  readonly isPlain: boolean;
  /** In whose transactions the handler runs. */
  readonly store: TransactionalStore | undefined;
}

/**
 * Pairs verbs and handlers, in the order of the published table.
 *
 * @throws HoldfastError `ERR_HOLDFAST_REGISTRY` when a handler is missing or has no verb, or when a
 *   verb is none
 */
export function pairHandlers(
  verbs: Verbs,
  handlers: Readonly<Record<string, unknown>>,
): ServedVerb[] {
  defineVerbs(verbs);
  if (typeof handlers !== 'object' || handlers === null) {
    throw registryError(`Handlers must be an object, got ${show(handlers)}`);
  }
  for (const name of Object.keys(handlers)) {
    if (Object.hasOwn(verbs, name)) continue;
    throw registryError(`Handler "${name}" has no verb${suggestion(name, Object.keys(verbs))}`);
  }
  return Object.entries(verbs).map(([name, verb]) => {
    const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
    if (typeof handler !== 'function') {
      throw registryError(`Verb "${name}" needs a handler, got ${show(handler)}`);
    }
    const store = transactionalStoreOf(handler);
    if (store !== undefined && verb.safety !== 'once') {
      throw registryError(
        `Handler "${name}" is transactional, but its verb is of the class "${verb.safety}": only "once" is recorded`,
      );
    }
    const isPlain = verb.safety !== 'once' && verb.input === undefined && verb.output === undefined;
    return { name, verb, handler: handler.bind(handlers) as Handler, isPlain, store };
  });
}
