import type { HedgeOptions } from './hedge.ts';
import type { VerbKind } from './kinds.ts';
import type { Safety } from './safety.ts';
import type { StandardSchema } from './schema.ts';
import type { VerbSettings } from './settings.ts';
import type { Typed } from './types.ts';

/**
 * Looks at what a call would resolve with. A reply that it does not accept, or that makes it throw,
 * counts as a failure that passes: the call is sent again if its verb may be repeated, and otherwise
 * fails with `ERR_HOLDFAST_OUTPUT`.
 */
export type Accept<Output> = (output: Output) => boolean | PromiseLike<boolean>;

/**
 * Says how a stream goes on that was cut, and whose server has forgotten it.
 *
 * @param input what the stream was opened with last
 * @param lastItem the last item that the application was given, as its schema made it if it has one
 * @param delivered how many it was given
 * @returns the input by which the stream is opened again: it gives the items behind `lastItem`
 */
export type ResumeFrom<Input, Item> = (input: Input, lastItem: Item, delivered: number) => Input;

/** What every verb has, of whatever kind. */
export interface VerbFacts<Class extends Safety = Safety, Kind extends VerbKind = VerbKind> {
  readonly safety: Class;
  /** How what it takes and gives travels. */
  readonly kind: Kind;
  readonly settings: VerbSettings;
  readonly input: StandardSchema | undefined;
  /** Of the one output. */
  readonly output: StandardSchema | undefined;
  /** Of each item that the server sends. */
  readonly items: StandardSchema | undefined;
  /** Of each item that the client sends. */
  readonly sent: StandardSchema | undefined;
  readonly accept: Accept<never> | undefined;
  readonly hedge: HedgeOptions | undefined;
  readonly resumeFrom: ResumeFrom<never, never> | undefined;
}

/** A verb: a named remote operation with a safety class. Made by `read`, `idempotent`, … */
export interface Verb<
  Class extends Safety = Safety,
  Input = unknown,
  Output = unknown,
  HandlerInput = Input,
  HandlerOutput = Output,
> extends VerbFacts<Class, 'unary'>,
    Typed<
      { input: Input; handlerInput: HandlerInput },
      { output: Output; handlerOutput: HandlerOutput }
    > {}

/** A verb whose server sends items. Made by `read.serverStream`, … */
export interface ServerStreamVerb<
  Class extends Safety = Safety,
  Input = unknown,
  Item = unknown,
  HandlerInput = Input,
  HandlerItem = Item,
> extends VerbFacts<Class, 'serverStream'>,
    Typed<{ input: Input; handlerInput: HandlerInput }, { item: Item; handlerItem: HandlerItem }> {}

/** A verb whose client sends items, for one output. Made by `mutate.clientStream`, … */
export interface ClientStreamVerb<
  Class extends Safety = Safety,
  Input = unknown,
  Sent = unknown,
  Output = unknown,
  HandlerInput = Input,
  HandlerSent = Sent,
  HandlerOutput = Output,
> extends VerbFacts<Class, 'clientStream'>,
    Typed<
      { input: Input; handlerInput: HandlerInput; sent: Sent; handlerSent: HandlerSent },
      { output: Output; handlerOutput: HandlerOutput }
    > {}

/** A verb with items both ways. Made by `mutate.duplex`, … */
export interface DuplexVerb<
  Class extends Safety = Safety,
  Input = unknown,
  Sent = unknown,
  Item = unknown,
  HandlerInput = Input,
  HandlerSent = Sent,
  HandlerItem = Item,
> extends VerbFacts<Class, 'duplex'>,
    Typed<
      { input: Input; handlerInput: HandlerInput; sent: Sent; handlerSent: HandlerSent },
      { item: Item; handlerItem: HandlerItem }
    > {}

/** A verb of any kind, class and type. */
export type AnyVerb =
  // biome-ignore lint/suspicious/noExplicitAny: a registry holds verbs of every type
  | Verb<Safety, any, any, any, any>
  // biome-ignore lint/suspicious/noExplicitAny: a registry holds verbs of every type
  | ServerStreamVerb<Safety, any, any, any, any>
  // biome-ignore lint/suspicious/noExplicitAny: a registry holds verbs of every type
  | ClientStreamVerb<Safety, any, any, any, any, any, any>
  // biome-ignore lint/suspicious/noExplicitAny: a registry holds verbs of every type
  | DuplexVerb<Safety, any, any, any, any, any, any>;

/** A set of verbs, by name: what both sides share. */
export type Verbs = Readonly<Record<string, AnyVerb>>;
