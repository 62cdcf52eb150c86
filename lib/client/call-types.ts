import type { AttemptRecord } from '../errors.ts';
import type { ItemSource } from '../streams/item-source.ts';
import type { InputOf, ItemOf, OutputOf, SentOf } from '../verbs/types.ts';
import type { Verbs } from '../verbs/verb.ts';
import type { ItemStream } from './item-stream.ts';
import type { CallOptions, StreamOptions } from './options.ts';

/** What a verb is called with: nothing, its input, and how this call differs. */
// biome-ignore lint/suspicious/noConfusingVoidType: `void` is what a verb without input has
export type CallArguments<Input, Output = unknown> = [Input] extends [void]
  ? [input?: undefined, options?: CallOptions<Output>]
  : [input: Input, options?: CallOptions<Output>];

/** What a verb is called with whose server sends items. */
// biome-ignore lint/suspicious/noConfusingVoidType: `void` is what a verb without input has
export type StreamArguments<Input, Item, Safety> = [Input] extends [void]
  ? [input?: undefined, options?: StreamOptionsFor<Input, Item, Safety>]
  : [input: Input, options?: StreamOptionsFor<Input, Item, Safety>];

type StreamOptionsFor<Input, Item, Safety> = Safety extends 'read'
  ? StreamOptions<Input, Item>
  : SendingOptions;

/** How a call differs that sends items, or that must not be made again in the midst. */
export type SendingOptions = Omit<StreamOptions, 'resumeFrom'>;

/** What a verb is called with whose client sends items. */
export type SendingArguments<Input, Sent> = [
  input: Input,
  items: ItemSource<Sent>,
  options?: SendingOptions,
];

/** How a verb is called. */
export type CallMethod<V> = V extends { readonly kind: 'serverStream'; readonly safety: infer S }
  ? (...args: StreamArguments<InputOf<V>, ItemOf<V>, S>) => ItemStream<ItemOf<V>>
  : V extends { readonly kind: 'clientStream' }
    ? (...args: SendingArguments<InputOf<V>, SentOf<V>>) => Promise<OutputOf<V>>
    : V extends { readonly kind: 'duplex' }
      ? (...args: SendingArguments<InputOf<V>, SentOf<V>>) => ItemStream<ItemOf<V>>
      : (...args: CallArguments<InputOf<V>, OutputOf<V>>) => Promise<OutputOf<V>>;

/** The verbs of a registry as methods. */
export type CallMethods<V extends Verbs> = {
  readonly [Name in keyof V]: CallMethod<V[Name]>;
};

/** What a call came to, and how. */
export interface WithHistory<Output> {
  readonly value: Output;
  /** Every attempt, oldest first; the last one brought the value. */
  readonly attempts: readonly AttemptRecord[];
}

/** The verbs of a registry without streams as methods that tell of their attempts too. */
export type HistoryMethods<V extends Verbs> = {
  readonly [Name in keyof V as V[Name] extends { readonly kind: 'unary' } ? Name : never]: (
    ...args: CallArguments<InputOf<V[Name]>>
  ) => Promise<WithHistory<OutputOf<V[Name]>>>;
};
