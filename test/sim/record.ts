/** One run of a handler. */
export interface Execution {
  readonly server: string;
  readonly at: number;
  readonly attempt: number;
}

/** What servers really did, whatever they say of it. */
export class ServerRecord {
  readonly #executions = new Map<number, Execution[]>();
  /** What a handler found wrong with what it got. */
  readonly complaints: string[] = [];
  total = 0;

  note(call: number, execution: Execution): void {
    this.total++;
    const known = this.#executions.get(call);
    if (known === undefined) this.#executions.set(call, [execution]);
    else known.push(execution);
  }

  of(call: number): readonly Execution[] {
    return this.#executions.get(call) ?? [];
  }
}
