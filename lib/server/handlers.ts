import type { TransactionalStore } from '../completions/store.ts';
import { show } from '../util/check.ts';
import { suggestion } from '../util/nearest.ts';
import { defineVerbs } from '../verbs/define.ts';
import { registryError } from '../verbs/registry-error.ts';
import type {
  HandlerInputOf,
  HandlerItemOf,
  HandlerOutputOf,
  HandlerSentOf,
} from '../verbs/types.ts';
import type { AnyVerb, Verbs } from '../verbs/verb.ts';
import type { CallContext } from './call-context.ts';
import { transactionalStoreOf } from './transactional.ts';

/** What a handler is told of a call with items that the client sends. */
export interface StreamContext<Sent> extends CallContext {
  /**
   * The items, in order, each once, whatever becomes of connections; to be gone through once. The
   * iteration ends when the client's source has ended, and throws when the client gives up or its
   * source fails: then what has come is not the whole. Of a loop that is left early nothing more is
   * taken from the client; its source is closed when the call is answered.
   */
  readonly items: AsyncIterable<Sent>;
}

/** Items that a handler gives: a generator, an array, a Node or Web stream, or a promise of one. */
export type GivenItems<Item> = Iterable<Item> | AsyncIterable<Item>;

/** The function that serves a verb. */
export type HandlerOf<V> = V extends { readonly kind: 'serverStream' }
  ? (input: HandlerInputOf<V>, call: CallContext) => Promised<GivenItems<HandlerItemOf<V>>>
  : V extends { readonly kind: 'clientStream' }
    ? (
        input: HandlerInputOf<V>,
        call: StreamContext<HandlerSentOf<V>>,
      ) => Promised<HandlerOutputOf<V>>
    : V extends { readonly kind: 'duplex' }
      ? (
          input: HandlerInputOf<V>,
          call: StreamContext<HandlerSentOf<V>>,
        ) => Promised<GivenItems<HandlerItemOf<V>>>
      : (input: HandlerInputOf<V>, call: CallContext) => Promised<HandlerOutputOf<V>>;

type Promised<T> = T | Promise<T>;

/**
 * One function for each verb of a registry. A `Uint8Array` of more than 4 KiB that a handler returns
 * is not copied: it must not be changed afterwards, for it may be sent more than once. The same holds
 * of items.
 */
export type Handlers<V extends Verbs> = {
  readonly [Name in keyof V]: HandlerOf<V[Name]>;
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
    const isPlain =
      verb.kind === 'unary' &&
      verb.safety !== 'once' &&
      verb.input === undefined &&
      verb.output === undefined;
    return { name, verb, handler: handler.bind(handlers) as Handler, isPlain, store };
  });
}
