import { HoldfastError } from '../errors.ts';
import { packTable } from '../protocols/holdfast/packed-table.ts';
import type { ServerHello } from '../protocols/protocol.ts';
import type { PublishedTable, VerbRow } from '../verbs/table.ts';

/** A server's published table, ready for look-ups. */
export class ServerTable {
  readonly rows: readonly VerbRow[];
  /** As the server names it; undefined when it does not. */
  readonly givenHash: string | undefined;
  /** The server records calls, and tells on a later link what became of them. */
  readonly keepsRecords: boolean;
  /** It has the verbs that are known, and the server may have others. */
  readonly #isOpen: boolean;
  readonly #byName = new Map<string, { readonly index: number; readonly row: VerbRow }>();

  constructor(rows: readonly VerbRow[], givenHash?: string, keepsRecords = true, isOpen = false) {
    this.rows = rows;
    this.givenHash = givenHash;
    this.keepsRecords = keepsRecords;
    this.#isOpen = isOpen;
    rows.forEach((row, index) => {
      this.#byName.set(row.name, { index, row });
    });
  }

  /** @param mine what holds of a verb that is not in a table which may lack some */
  find(
    name: string,
    mine?: VerbRow,
  ): { readonly index: number; readonly row: VerbRow } | undefined {
    const found = this.#byName.get(name);
    if (found !== undefined || !this.#isOpen) return found;
    return {
      index: this.rows.length,
      row: mine ?? { name, safety: 'mutate', kind: 'unary', settings: {} },
    };
  }

  names(): Iterable<string> {
    return this.#byName.keys();
  }

  /** As it is shown to the application. */
  published(): PublishedTable {
    return { hash: this.givenHash ?? packTable(this.rows).hash, verbs: this.rows };
  }
}

/** A roll-out has two tables at a time. */
const maxKnown = 4;

/**
 * The tables of the servers that one client has met, the last few: at the next hello they are
 * offered, and a server whose table is among them does not send it again.
 */
export class Tables {
  #known: readonly ServerTable[] = [];
  #latest: ServerTable | undefined;
  readonly #areKept: boolean;

  /** @param areKept the servers keep records of calls */
  constructor(areKept: boolean) {
    this.#areKept = areKept;
  }

  /** The table of the server that said hello last. */
  get latest(): ServerTable | undefined {
    return this.#latest;
  }

  /** Hashes of what is known. */
  get offered(): readonly string[] {
    return this.#known.map(({ givenHash }) => givenHash as string);
  }

  /**
   * The table that a hello stands for.
   *
   * @throws HoldfastError `ERR_HOLDFAST_PROTOCOL` when it was left out and is not known
   */
  take({ verbs, table: hash, mayHaveMore }: ServerHello): ServerTable {
    const known = this.#known.find(({ givenHash }) => givenHash === hash);
    if (known === undefined && verbs === undefined) {
      const message = `Peer's hello is wrong: the table ${hash} was not offered to it`;
      throw new HoldfastError('ERR_HOLDFAST_PROTOCOL', message);
    }
    const table =
      verbs === undefined
        ? (known as ServerTable)
        : new ServerTable(verbs, hash, this.#areKept, mayHaveMore);
    this.#latest = table;
    if (hash !== undefined) {
      const others = this.#known.filter((other) => other.givenHash !== hash);
      this.#known = [table, ...others].slice(0, maxKnown);
    }
    return table;
  }
}
