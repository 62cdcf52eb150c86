import { expect } from 'chai';
import { type Client, connect } from '../../lib/index.ts';
import { verbs } from './verbs.ts';

/**
 * A well-behaved client that calls without a pause while somebody else misbehaves at its server:
 * none of its calls may fail, and its connection must last.
 */
export class Bystander {
  readonly #client: Client<typeof verbs>;
  #calls = 0;
  #isStopped = false;
  readonly #troubles: unknown[] = [];
  readonly #done: Promise<void>;

  private constructor(url: string) {
    this.#client = connect(url, verbs);
    this.#client.on('reconnecting', (event) => this.#troubles.push(event));
    this.#done = this.#run();
  }

  /** Begins to call; resolves when the first calls are answered. */
  static async at(url: string): Promise<Bystander> {
    const bystander = new Bystander(url);
    await bystander.#client.call.mutate('bystander first');
    return bystander;
  }

  /** Stops, and fails the test when any call was disturbed. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
    await this.#client.call.mutate('bystander last');
    await this.#client.close();
    expect(this.#troubles, 'troubles of the bystander').to.deep.equal([]);
    expect(this.#calls).to.be.above(0);
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const name = `bystander ${this.#calls++}`;
      try {
        const value = await this.#client.call.mutate(name, { timeoutMs: 5_000 });
        if (value !== `done ${name}`) this.#troubles.push(value);
      } catch (error) {
        this.#troubles.push(error);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
