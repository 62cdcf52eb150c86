import { HoldfastError } from '../errors.ts';
import type { Layer } from '../layers/layer.ts';
import type { Protocol, StreamCodec } from '../protocols/protocol.ts';
import { discard, type ItemSource, isItemIterable, isUsedUp } from '../streams/item-source.ts';
import { show } from '../util/check.ts';
import { givesItems, type PublishedKind, takesItems } from '../verbs/kinds.ts';
import { registryError } from '../verbs/registry-error.ts';
import type { Verbs } from '../verbs/verb.ts';
import { CallStream } from './call-stream.ts';
import { ItemStream } from './item-stream.ts';
import type { ResolvedClientOptions, StreamOptions } from './options.ts';
import { VerbUse } from './verb-use.ts';

/** Makes a call whose items are in `stream`. */
export type StartStream = (
  use: VerbUse,
  input: unknown,
  given: StreamOptions | undefined,
  layer: Layer | undefined,
  stream: CallStream,
) => Promise<unknown>;

/** Calls a verb. */
// biome-ignore lint/suspicious/noExplicitAny: what its arguments are depends on the kind of its verb
export type Method = (input: unknown, ...rest: any[]) => unknown;

/** Verbs with streams need a protocol that has them. Throws `ERR_HOLDFAST_REGISTRY`. */
export function checkStreams(verbs: Verbs, { name: protocol, streamCodec }: Protocol): void {
  for (const [name, { kind }] of Object.entries(verbs)) {
    if (kind === 'unary' || streamCodec !== undefined) continue;
    throw registryError(`Verb "${name}" cannot be a ${kind}: ${protocol} has no streams`);
  }
}

/** The calls of one client that have streams. */
export class StreamCalls {
  readonly #protocol: string;
  readonly #codec: StreamCodec | undefined;
  readonly #options: ResolvedClientOptions;
  readonly #start: StartStream;

  constructor(codec: StreamCodec | undefined, options: ResolvedClientOptions, start: StartStream) {
    this.#protocol = options.protocol.name;
    this.#codec = codec;
    this.#options = options;
    this.#start = start;
  }

  /** How a verb with streams is called; undefined for one without. */
  methodOf(use: VerbUse, layer?: Layer): Method | undefined {
    switch (use.row.kind) {
      case 'serverStream':
        return (input, given) => this.#items(use, input, undefined, given, layer);
      case 'clientStream':
        return (input, source, given) => this.#run(use, input, source, given, layer, false).settled;
      case 'duplex':
        return (input, source, given) => this.#items(use, input, source, given, layer);
      case 'unary':
      case 'other':
        return undefined;
    }
  }

  /** Calls a verb that may be of any kind with streams. */
  untyped(
    known: VerbUse | string,
    input: unknown,
    { items, ...given }: StreamOptions & { readonly items?: ItemSource<unknown> },
  ): ItemStream {
    const kinds = items === undefined ? withoutItems : withItems;
    const use = typeof known === 'string' ? new VerbUse(known, undefined, undefined, kinds) : known;
    return this.#items(use, input, items, given, undefined);
  }

  #items(
    use: VerbUse,
    input: unknown,
    source: ItemSource<unknown> | undefined,
    given: StreamOptions | undefined,
    layer: Layer | undefined,
  ): ItemStream {
    const { stream, settled } = this.#run(use, input, source, given, layer, true);
    return new ItemStream(stream, settled, use.name, use.items);
  }

  #run(
    use: VerbUse,
    input: unknown,
    source: ItemSource<unknown> | undefined,
    given: StreamOptions | undefined,
    layer: Layer | undefined,
    hasItems: boolean,
  ): { readonly stream: CallStream; readonly settled: Promise<unknown> } {
    const codec = this.#codec;
    if (codec === undefined) {
      throw registryError(
        `Verb "${use.name}" cannot be called so: ${this.#protocol} has no streams`,
      );
    }
    const objection = objectionTo(use, source);
    const sent = objection === undefined ? source : undefined;
    const stream = new CallStream(use, input, sent, hasItems, codec, this.#options);
    if (objection !== undefined && isItemIterable(source)) void discard(source, undefined);
    const settled =
      objection === undefined
        ? this.#start(use, input, given, layer, stream)
        : Promise.reject(objection);
    return { stream, settled: settled.catch((error: unknown) => stream.failed(error)) };
  }
}

const withoutItems: readonly PublishedKind[] = ['serverStream'];
const withItems: readonly PublishedKind[] = ['duplex', 'clientStream'];

/** What is wrong with what is to be sent. */
function objectionTo({ name, kinds }: VerbUse, source: unknown): HoldfastError | undefined {
  const [kind = 'other'] = kinds;
  if (!takesItems(kind) && !givesItems(kind)) {
    return wrong(name, 'it has no streams: call it by `invoke`');
  }
  if (takesItems(kind) !== (source !== undefined)) {
    return wrong(name, takesItems(kind) ? 'it needs items to send' : 'it takes no items');
  }
  if (isUsedUp(source)) return wrong(name, 'its items have been taken already by somebody else');
  if (source === undefined || typeof source === 'function' || isItemIterable(source)) {
    return undefined;
  }
  return wrong(name, `its items must be something that can be iterated, got ${show(source)}`);
}

function wrong(verb: string, why: string): HoldfastError {
  const message = `Call "${verb}" was not made: ${why}`;
  return new HoldfastError('ERR_HOLDFAST_INPUT', message, { verb, final: true });
}
