import { type Checks, ofType, resolveOptions, show } from '../util/check.ts';
import { type HedgeOptions, hedgeOptions, isHedgeable, notHedgeable } from './hedge.ts';
import { isVerbKind } from './kinds.ts';
import { registryError } from './registry-error.ts';
import type { Safety } from './safety.ts';
import type { SchemaInput, SchemaOutput, StandardSchema } from './schema.ts';
import { notFor, schemaCheck, settingChecks, type VerbSettings } from './settings.ts';
import { type StreamMakers, streamMakers } from './streams.ts';
import type { Accept, AnyVerb, Verb, VerbFacts, Verbs } from './verb.ts';

/** What a verb's calls are held to; for the client only. */
export interface UseOptions<Output> {
  /** Looks at each reply, behind the output schema. */
  readonly accept?: Accept<Output>;
  /** For `read` and `idempotent`: a call that takes long is sent to another server as well. */
  readonly hedge?: HedgeOptions;
}

/** Settings of a verb without streams. */
export type UnarySettings = Omit<VerbSettings, 'inactivityTimeoutMs'>;

/** A verb's settings and its validators. */
export interface VerbOptions extends UnarySettings, UseOptions<never> {
  /** Checked at the client before it sends and at the server before the handler runs. */
  readonly input?: StandardSchema;
  /** Checked at the server before the reply goes out and at the client when it arrives. */
  readonly output?: StandardSchema;
}

type VerbOptionsFor<Output> = Omit<VerbOptions, 'accept'> & UseOptions<Output>;

/** Makes verbs of one class: by type parameters, or with types taken from schemas. */
export interface VerbMaker<Class extends Safety> {
  <Input = void, Output = void>(
    settings?: UnarySettings & UseOptions<Output>,
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

/** Makes verbs of one class, plain ones and those with streams. */
export type VerbMakers<Class extends Safety> = VerbMaker<Class> & StreamMakers<Class>;

interface UnaryOptions extends VerbOptions, VerbSettings {
  readonly items?: unknown;
  readonly sent?: unknown;
  readonly resumeFrom?: unknown;
}

const optionChecks: Checks<UnaryOptions> = {
  ...settingChecks,
  inactivityTimeoutMs: notFor('verbs without streams'),
  input: schemaCheck,
  output: schemaCheck,
  accept: ofType('function'),
  hedge: hedgeOptions,
  items: notFor('verbs without streams'),
  sent: notFor('verbs without streams'),
  resumeFrom: notFor('verbs without streams'),
};

function maker<Class extends Safety>(safety: Class): VerbMakers<Class> {
  const make = (options?: UnaryOptions): AnyVerb => {
    const resolved = resolveOptions('verb option', options, {}, optionChecks);
    const { input, output, accept, hedge, items, sent, resumeFrom, ...settings } = resolved;
    if (hedge !== undefined && !isHedgeable(safety)) throw notHedgeable('Verb option', safety);
    const facts: VerbFacts<Class, 'unary'> = {
      safety,
      kind: 'unary',
      settings: Object.freeze(settings),
      input,
      output,
      items: undefined,
      sent: undefined,
      accept,
      hedge,
      resumeFrom: undefined,
    };
    return Object.freeze(facts) as AnyVerb;
  };
  return Object.assign(make, streamMakers(safety)) as VerbMakers<Class>;
}

/** A verb that changes nothing. It is sent again after any loss. */
export const read: VerbMakers<'read'> = maker('read');

/** A verb that leaves the same state when repeated. Sent again within `maxReplayAgeMs`. */
export const idempotent: VerbMakers<'idempotent'> = maker('idempotent');

/** A verb that fails noisily when repeated after success, and corrupts nothing. */
export const semi: VerbMakers<'semi'> = maker('semi');

/**
 * A harmful verb that carries a key: the server executes it at most once for each key. It has no
 * streams, because a recorded answer cannot hold one.
 */
export const once: VerbMaker<'once'> = maker('once');

/** A harmful verb. Sent again only with proof that the earlier copy did not and cannot run. */
export const mutate: VerbMakers<'mutate'> = maker('mutate');

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
    if (!isVerbKind((verb as AnyVerb | null | undefined)?.kind)) {
      throw registryError(
        `Verb "${name}" must be made by read(), idempotent(), semi(), once() or mutate(), got ${show(verb)}`,
      );
    }
  }
  return Object.freeze({ ...verbs });
}
