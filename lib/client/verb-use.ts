import type { Figures } from '../observe/figures.ts';
import type { Protocol } from '../protocols/protocol.ts';
import type { HedgeOptions } from '../verbs/hedge.ts';
import type { PublishedKind } from '../verbs/kinds.ts';
import { registryError } from '../verbs/registry-error.ts';
import type { StandardSchema } from '../verbs/schema.ts';
import { stricterRow, type VerbRow } from '../verbs/table.ts';
import type { Accept, ResumeFrom, VerbFacts, Verbs } from '../verbs/verb.ts';
import type { ServerTable } from './tables.ts';

/** A `once` verb needs a server that records its calls. Throws `ERR_HOLDFAST_REGISTRY`. */
export function checkOnce(verbs: Verbs, { name: protocol, hasSessions }: Protocol): void {
  for (const [name, { safety }] of Object.entries(verbs)) {
    if (safety !== 'once' || hasSessions) continue;
    throw registryError(
      `Verb "${name}" cannot be "once": by ${protocol} servers keep no records of calls`,
    );
  }
}

/** What a client's own registry says of a verb, and no server. */
export type UseChecks = Partial<
  Pick<VerbFacts, 'input' | 'output' | 'accept' | 'hedge' | 'items' | 'sent' | 'resumeFrom'>
>;

/** How a client uses one verb: its own row, the server's, and the stricter of the two. */
export class VerbUse {
  readonly name: string;
  readonly input: StandardSchema | undefined;
  readonly output: StandardSchema | undefined;
  readonly accept: Accept<never> | undefined;
  readonly hedge: HedgeOptions | undefined;
  readonly items: StandardSchema | undefined;
  readonly sent: StandardSchema | undefined;
  readonly resumeFrom: ResumeFrom<never, never> | undefined;
  /** True when the verb has no input schema: a call is made as soon as it is asked for. */
  isPlain: boolean;
  /** Set at the first call. */
  figures: Figures | undefined;
  /** What holds: of the own row and the server's, where both are known, the stricter. */
  row: VerbRow;
  /** The verb's place in the table that was looked at last; -1 when it is not there as it is used. */
  index = -1;
  /** What kinds a server may hold it for, as it is used. */
  readonly kinds: readonly PublishedKind[];
  /** How the server has it, if not as it is used. */
  otherKind: PublishedKind | undefined;
  /** The first attempt whose answer the server keeps. */
  #recordedFrom = Number.POSITIVE_INFINITY;
  readonly #mine: VerbRow | undefined;
  #table: ServerTable | undefined;

  /** Without a row of one's own the server's holds, and until it is known the strictest. */
  constructor(
    name: string,
    mine?: VerbRow,
    checks?: UseChecks,
    kinds: readonly PublishedKind[] = [mine?.kind ?? 'unary'],
  ) {
    this.name = name;
    this.#mine = mine;
    this.row = mine ?? { name, safety: 'mutate', kind: kinds[0] as PublishedKind, settings: {} };
    this.input = checks?.input;
    this.output = checks?.output;
    this.accept = checks?.accept;
    this.hedge = checks?.hedge;
    this.items = checks?.items;
    this.sent = checks?.sent;
    this.resumeFrom = checks?.resumeFrom;
    this.kinds = kinds;
    this.isPlain = this.input === undefined;
  }

  /** True when its class is: it is the client's own, or a server has told it. */
  get isKnown(): boolean {
    return this.#mine !== undefined || this.index >= 0;
  }

  /** True when the server keeps the answer of this attempt: of a `read` it does from the second on. */
  isRecorded(attempt: number): boolean {
    return attempt >= this.#recordedFrom;
  }

  /** The same verb for calls at other servers, whose ends are counted elsewhere. */
  fork(): VerbUse {
    const fork = new VerbUse(this.name, this.#mine, this);
    fork.row = this.row;
    fork.figures = this.figures;
    fork.isPlain = false;
    return fork;
  }

  /** Looks the verb up in a server's table; cheap when it is the same table as last time. */
  follow(table: ServerTable): void {
    if (table === this.#table) return;
    this.#table = table;
    const found = table.find(this.name, this.#mine);
    this.index = found?.index ?? -1;
    this.otherKind = undefined;
    if (found === undefined) return;
    if (!this.kinds.includes(found.row.kind)) {
      this.otherKind = found.row.kind;
      this.index = -1;
      return;
    }
    const { safety, kind } = found.row;
    const first = safety !== 'read' || kind !== 'unary' ? 1 : 2;
    this.#recordedFrom = table.keepsRecords ? first : Number.POSITIVE_INFINITY;
    this.row = this.#mine === undefined ? found.row : stricterRow(this.#mine, found.row);
  }
}
