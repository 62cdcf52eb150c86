import { HoldfastError } from '../errors.ts';
import {
  type Check,
  type Checks,
  milliseconds,
  ofType,
  optionError,
  resolveOptions,
  show,
  wholeNumber,
} from '../util/check.ts';
import { type HedgeOptions, hedgeOptions, isHedgeable, notHedgeable } from './hedge.ts';
import type { Safety } from './safety.ts';
import { isSchema, type SchemaInput, type SchemaOutput, type StandardSchema } from './schema.ts';

/** What a verb says of itself beside its class. The server publishes it; the stricter side wins. */
export interface VerbSettings {
  /** Deadline of a call over all its attempts, in ms. Default: the client's `timeoutMs`. */
  readonly timeoutMs?: number;
  /** Bound of one attempt, in ms. Default: the client's `attemptTimeoutMs`. */
  readonly attemptTimeoutMs?: number;
  /** How many attempts may have run before the client gives up. Default: the client's. */
  readonly maxAttempts?: number;
  /** For `idempotent`: not sent again later than this after the first sending, in ms. */
  readonly maxReplayAgeMs?: number;
  /** For two-phase writes: how long the first copy may hold what it took, in ms. */
  readonly leaseMs?: number;
}

/**
 * Looks at what a call would resolve with. A reply that it does not accept, or that makes it throw,
 * counts as a failure that passes: the call is sent again if its verb may be repeated, and otherwise
 * fails with `ERR_HOLDFAST_OUTPUT`.
 */
export type Accept<Output> = (output: Output) => boolean | PromiseLike<boolean>;

/** What a verb's calls are held to; for the client only. */
export interface UseOptions<Output> {
  /** Looks at each reply, behind the output schema. */
  readonly accept?: Accept<Output>;
  /** For `read` and `idempotent`: a call that takes long is sent to another server as well. */
  readonly hedge?: HedgeOptions;
}

/** A verb's settings and its validators. */
export interface VerbOptions extends VerbSettings, UseOptions<never> {
  /** Checked at the client before it sends and at the server before the handler runs. */
  readonly input?: StandardSchema;
  /** Checked at the server before the reply goes out and at the client when it arrives. */
  readonly output?: StandardSchema;
}

declare const types: unique symbol;

/** A verb: a named remote operation with a safety class. Made by `read`, `idempotent`, … */
export interface Verb<
  Class extends Safety = Safety,
  Input = unknown,
  Output = unknown,
  HandlerInput = Input,
  HandlerOutput = Output,
> {
  readonly safety: Class;
  /** How inputs and outputs travel. Streams will join here. */
  readonly kind: 'unary';
  readonly settings: VerbSettings;
  readonly input: StandardSchema | undefined;
  readonly output: StandardSchema | undefined;
  readonly accept: Accept<never> | undefined;
  readonly hedge: HedgeOptions | undefined;
  /** Carries types only; never there at run time. */
  readonly [types]?: (
    input: Input,
    handlerInput: HandlerInput,
  ) => { output: Output; handlerOutput: HandlerOutput };
}

// biome-ignore lint/suspicious/noExplicitAny: a registry holds verbs of every type
export type AnyVerb = Verb<Safety, any, any, any, any>;

/** A set of verbs, by name: what both sides share. */
export type Verbs = Readonly<Record<string, AnyVerb>>;

/** What a caller passes to a verb. */
export type InputOf<V> =
  V extends Verb<Safety, infer I, infer _O, infer _HI, infer _HO> ? I : never;

/** What a caller gets from a verb. */
export type OutputOf<V> =
  V extends Verb<Safety, infer _I, infer O, infer _HI, infer _HO> ? O : never;

/** What a handler is given. */
export type HandlerInputOf<V> =
  V extends Verb<Safety, infer _I, infer _O, infer HI, infer _HO> ? HI : never;

/** What a handler returns. */
export type HandlerOutputOf<V> =
  V extends Verb<Safety, infer _I, infer _O, infer _HI, infer HO> ? HO : never;

type VerbOptionsFor<Output> = Omit<VerbOptions, 'accept'> & UseOptions<Output>;

/** Makes verbs of one class: by type parameters, or with types taken from schemas. */
export interface VerbMaker<Class extends Safety> {
  <Input = void, Output = void>(
    settings?: VerbSettings & UseOptions<Output>,
  ): Verb<Class, Input, Output>;
  <In extends StandardSchema, Out extends StandardSchema>(
    options: VerbOptionsFor<SchemaOutput<Out>> & { readonly input: In; readonly output: Out },
  ): Verb<Class, SchemaInput<In>, SchemaOutput<Out>, SchemaOutput<In>, SchemaInput<Out>>;
  <In extends StandardSchema, Output = void>(
    options: VerbOptionsFor<Output> & { readonly input: In; readonly output?: never },
  ): Verb<Class, SchemaInput<In>, Output, SchemaOutput<In>, Output>;
  <Out extends StandardSchema, Input = void>(
    options: VerbOptionsFor<SchemaOutput<Out>> & { readonly output: Out; readonly input?: never },
  ): Verb<Class, Input, SchemaOutput<Out>, Input, SchemaInput<Out>>;
}

/** Checks of a verb's settings; a server's published table is held to the same. */
export const settingChecks: Checks<VerbSettings> = {
  timeoutMs: milliseconds(1),
  attemptTimeoutMs: milliseconds(1),
  maxAttempts: wholeNumber(1, 255),
  maxReplayAgeMs: milliseconds(),
  leaseMs: milliseconds(),
};

const schema: Check = (name, value) => {
  if (!isSchema(value)) {
    throw optionError(
      `Verb option "${name}" must be a Standard Schema validator, got ${show(value)}`,
    );
  }
};

const optionChecks: Checks<VerbOptions> = {
  ...settingChecks,
  input: schema,
  output: schema,
  accept: ofType('function'),
  hedge: hedgeOptions,
};

function maker<Class extends Safety>(safety: Class): VerbMaker<Class> {
  const make = (options?: VerbOptions): AnyVerb => {
    const resolved = resolveOptions('verb option', options, {}, optionChecks);
    const { input, output, accept, hedge, ...settings } = resolved;
    if (hedge !== undefined && !isHedgeable(safety)) throw notHedgeable('Verb option', safety);
    return Object.freeze({
      safety,
      kind: 'unary' as const,
      settings: Object.freeze(settings),
      input,
      output,
      accept,
      hedge,
    });
  };
  return make as VerbMaker<Class>;
}

/** A verb that changes nothing. It is sent again after any loss. */
export const read: VerbMaker<'read'> = maker('read');

/** A verb that leaves the same state when repeated. Sent again within `maxReplayAgeMs`. */
export const idempotent: VerbMaker<'idempotent'> = maker('idempotent');

/** A verb that fails noisily when repeated after success, and corrupts nothing. */
export const semi: VerbMaker<'semi'> = maker('semi');

/** A harmful verb that carries a key: the server executes it at most once for each key. */
export const once: VerbMaker<'once'> = maker('once');

/** A harmful verb. Sent again only with proof that the earlier copy did not and cannot run. */
export const mutate: VerbMaker<'mutate'> = maker('mutate');

const validName = /^[A-Za-z_$][\w$.:/-]{0,127}$/;

/**
 * The registry: the verbs that client and server share.
 *
 * @throws HoldfastError `ERR_HOLDFAST_REGISTRY` when a name or a definition is wrong.
 */
export function defineVerbs<const V extends Verbs>(verbs: V): V {
  if (typeof verbs !== 'object' || verbs === null) {
    throw registryError(`Verbs must be an object, got ${show(verbs)}`);
  }
  for (const [name, verb] of Object.entries(verbs)) {
    if (!validName.test(name) || name in Object.prototype || name === 'then') {
      throw registryError(
        `Verb name ${show(name)} cannot be used: letters, digits and _ $ . : / - only, at most 128, and no name of Object.prototype or "then"`,
      );
    }
    if (verb?.kind !== 'unary') {
      throw registryError(
        `Verb "${name}" must be made by read(), idempotent(), semi(), once() or mutate(), got ${show(verb)}`,
      );
    }
  }
  return Object.freeze({ ...verbs });
}

/** An `ERR_HOLDFAST_REGISTRY` error. */
export function registryError(message: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_REGISTRY', message, { final: true });
}
