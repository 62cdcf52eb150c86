import { type Client, type ClientState, connect, type Medium, tcp, unix } from 'holdfast';
import { tls } from 'holdfast/tls';
import { nowUs } from '../harness/now.ts';
import type { RecoveryPlace, Sample } from './samples.ts';
import { verbs } from './verbs.ts';

/** The default of `retryBudget`'s `ratio`. */
const retryShare = 0.2;

/** This package, with every default on: the call waits, the client sees to the rest. */
export class HoldfastSubject {
  readonly #client: Client<typeof verbs>;
  /** When the client was last in a state. */
  readonly #enteredUs = new Map<ClientState, number>();

  private constructor(client: Client<typeof verbs>) {
    this.#client = client;
    client.on('state', ({ next }) => this.#enteredUs.set(next, nowUs()));
  }

  static async open(place: RecoveryPlace, address: string): Promise<HoldfastSubject> {
    const client = connect(mediumAt(place, address), verbs);
    await client.ready();
    return new HoldfastSubject(client);
  }

  /** Calls that nothing happens to: so many earn what one that is sent again costs. */
  async touch(): Promise<void> {
    for (let call = 0; call < 1 / retryShare; call++) await this.#client.call.touch(0);
  }

  async recover(verb: 'read' | 'mutate', round: number): Promise<Sample> {
    this.#enteredUs.clear();
    const cutUs = await this.#client.call[verb](round);
    const replyUs = nowUs();
    const sinceCut = (state: ClientState): number => {
      const enteredUs = this.#enteredUs.get(state);
      if (enteredUs === undefined)
        throw new Error(`The client was never ${state}: nothing was cut`);
      return enteredUs - cutUs;
    };
    return { seenUs: sinceCut('idle'), openUs: sinceCut('ready'), replyUs: replyUs - cutUs };
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

function mediumAt(place: RecoveryPlace, address: string): Medium {
  switch (place.medium) {
    case 'tcp':
      return tcp({ port: Number(address) });
    case 'unix':
      return unix({ path: address });
    case 'tls':
      return tls({ port: Number(address), ca: place.cert });
  }
}
