import { type Checks, ofType, resolveOptions } from '../util/check.ts';
import { registryError } from './registry-error.ts';
import type { Safety } from './safety.ts';
import type { SchemaInput, SchemaOutput, StandardSchema } from './schema.ts';
import { notFor, schemaCheck, settingChecks, type VerbSettings } from './settings.ts';
import type {
  AnyVerb,
  ClientStreamVerb,
  DuplexVerb,
  ResumeFrom,
  ServerStreamVerb,
  VerbFacts,
} from './verb.ts';

/** What a verb with streams says of itself. */
export type StreamSettings = Omit<VerbSettings, 'attemptTimeoutMs'>;

/** What a `read` verb whose server sends items can have beside that. */
export interface ResumeOptions<Input, Item> {
  /**
   * How the stream goes on when its server has forgotten it, or is gone: it is called again, and the
   * same iteration goes on. Without it such a stream fails with `ERR_HOLDFAST_PARTIAL`.
   */
  readonly resumeFrom?: ResumeFrom<Input, Item>;
}

type Resuming<Class extends Safety, Input, Item> = Class extends 'read'
  ? ResumeOptions<Input, Item>
  : object;

/** Validators of a verb with streams: of its input, of each item, and of the one output. */
export interface StreamSchemas {
  readonly input?: StandardSchema;
  /** Of each item that the server sends: checked at the server, and at the client. */
  readonly items?: StandardSchema;
  /** Of each item that the client sends: checked at the client, and at the server. */
  readonly sent?: StandardSchema;
  /** Of the output of a `clientStream`. */
  readonly output?: StandardSchema;
}

/** What the validator of this name takes, and what it yields. */
type Accepts<O, Name extends string, None> = O extends {
  readonly [N in Name]: infer S extends StandardSchema;
}
  ? SchemaInput<S>
  : None;
type Yields<O, Name extends string, None> = O extends {
  readonly [N in Name]: infer S extends StandardSchema;
}
  ? SchemaOutput<S>
  : None;

/** Makes verbs whose server sends items. */
export interface ServerStreamMaker<Class extends Safety> {
  <Input = void, Item = unknown>(
    options?: StreamSettings & Resuming<Class, Input, Item>,
  ): ServerStreamVerb<Class, Input, Item>;
  /** What has no validator is `void` for the input, and `unknown` for items. */
  <O extends Pick<StreamSchemas, 'input' | 'items'>>(
    options: O &
      StreamSettings &
      Resuming<Class, Accepts<O, 'input', void>, Yields<O, 'items', unknown>>,
  ): ServerStreamVerb<
    Class,
    Accepts<O, 'input', void>,
    Yields<O, 'items', unknown>,
    Yields<O, 'input', void>,
    Accepts<O, 'items', unknown>
  >;
}

/** Makes verbs whose client sends items. */
export interface ClientStreamMaker<Class extends Safety> {
  <Input = void, Sent = unknown, Output = void>(
    settings?: StreamSettings,
  ): ClientStreamVerb<Class, Input, Sent, Output>;
  /** What has no validator is `void` for the input and the output, and `unknown` for items. */
  <O extends Pick<StreamSchemas, 'input' | 'sent' | 'output'>>(
    options: O & StreamSettings,
  ): ClientStreamVerb<
    Class,
    Accepts<O, 'input', void>,
    Accepts<O, 'sent', unknown>,
    Yields<O, 'output', void>,
    Yields<O, 'input', void>,
    Yields<O, 'sent', unknown>,
    Accepts<O, 'output', void>
  >;
}

/** Makes verbs with items both ways. */
export interface DuplexMaker<Class extends Safety> {
  <Input = void, Sent = unknown, Item = unknown>(
    settings?: StreamSettings,
  ): DuplexVerb<Class, Input, Sent, Item>;
  /** What has no validator is `void` for the input, and `unknown` for items. */
  <O extends Pick<StreamSchemas, 'input' | 'sent' | 'items'>>(
    options: O & StreamSettings,
  ): DuplexVerb<
    Class,
    Accepts<O, 'input', void>,
    Accepts<O, 'sent', unknown>,
    Yields<O, 'items', unknown>,
    Yields<O, 'input', void>,
    Yields<O, 'sent', unknown>,
    Accepts<O, 'items', unknown>
  >;
}

/** Makes verbs of one class with streams. */
export interface StreamMakers<Class extends Safety> {
  /** The server sends items. */
  readonly serverStream: ServerStreamMaker<Class>;
  /** The client sends items, and gets one output. */
  readonly clientStream: ClientStreamMaker<Class>;
  /** Both send items. */
  readonly duplex: DuplexMaker<Class>;
}

type StreamKind = keyof StreamMakers<Safety>;

interface StreamOptions extends VerbSettings, StreamSchemas {
  readonly accept?: unknown;
  readonly hedge?: unknown;
  readonly resumeFrom?: unknown;
}

const schemas: Readonly<Record<StreamKind, readonly (keyof StreamSchemas)[]>> = {
  serverStream: ['input', 'items'],
  clientStream: ['input', 'sent', 'output'],
  duplex: ['input', 'sent', 'items'],
};

function checksOf(safety: Safety, kind: StreamKind): Checks<StreamOptions> {
  const has = (name: keyof StreamSchemas) =>
    schemas[kind].includes(name) ? schemaCheck : notFor(`a ${kind}`);
  const canResume = safety === 'read' && kind === 'serverStream';
  return {
    ...settingChecks,
    attemptTimeoutMs: notFor('streams; they have "inactivityTimeoutMs"'),
    input: has('input'),
    items: has('items'),
    sent: has('sent'),
    output: has('output'),
    accept: notFor('streams'),
    hedge: notFor('streams'),
    resumeFrom: canResume ? ofType('function') : notFor('other verbs than read.serverStream'),
  };
}

function make(safety: Safety, kind: StreamKind, options: StreamOptions | undefined): AnyVerb {
  const checks = checksOf(safety, kind);
  const resolved = resolveOptions('verb option', options, {}, checks) as StreamOptions;
  const { input, items, sent, output, accept, hedge, resumeFrom, ...settings } = resolved;
  const facts: VerbFacts = {
    safety,
    kind,
    settings: Object.freeze(settings),
    input,
    output,
    items,
    sent,
    accept: undefined,
    hedge: undefined,
    resumeFrom: resumeFrom as VerbFacts['resumeFrom'],
  };
  return Object.freeze(facts) as AnyVerb;
}

/** The makers of one class, which stand beside its maker of plain verbs. */
export function streamMakers<Class extends Safety>(safety: Class): StreamMakers<Class> {
  const maker =
    (kind: StreamKind) =>
    (options?: StreamOptions): AnyVerb => {
      if (safety !== 'once') return make(safety, kind, options);
      throw registryError(
        `once.${kind}() cannot be: a recorded answer cannot hold a stream; take mutate.${kind}(), whose streams go on after a lost connection while the server lives`,
      );
    };
  return {
    serverStream: maker('serverStream'),
    clientStream: maker('clientStream'),
    duplex: maker('duplex'),
  } as unknown as StreamMakers<Class>;
}
