import { createHash } from 'node:crypto';
import { type Client, type ClientOptions, connect, isHoldfastError } from 'holdfast';
import { type BzrReply, type BzrRequest, type BzrVerbs, bzr, bzrVerbs } from 'holdfast/bzr';
import { openssh } from 'holdfast/openssh';
import type { Answer, Contender, Place, Request } from './contender.ts';

/** holdfast with the protocol of Bazaar's smart server. */
export class Holdfast implements Contender {
  readonly name = 'holdfast';
  readonly #options: ClientOptions<BzrVerbs>;
  #client: Client<BzrVerbs> | undefined;

  constructor(options: ClientOptions<BzrVerbs>) {
    this.#options = options;
  }

  async open(place: Place): Promise<void> {
    await this.close();
    this.#client = connect(mediumOf(place), bzrVerbs, { protocol: bzr(), ...this.#options });
  }

  async call({ verb, args, body, stream }: Request, boundMs: number): Promise<Answer> {
    const given = body ?? stream?.map((chunk) => Buffer.from(chunk, 'hex'));
    const input: BzrRequest = given === undefined ? { args } : { args, body: given };
    const began = performance.now();
    const msNow = (): number => performance.now() - began;
    const cancel = new AbortController();
    const timer = setTimeout(() => cancel.abort(), boundMs);
    try {
      const reply = (await this.#opened.invoke(verb, input, {
        signal: cancel.signal,
      })) as BzrReply;
      const sha1 = createHash('sha1').update(reply.body).digest('hex');
      const words = reply.args.map((_, index) => reply.text(index) ?? '');
      return { is: 'answer', words, sha1, ms: msNow() };
    } catch (error) {
      if (cancel.signal.aborted) return { is: 'hang', ms: boundMs };
      if (!isHoldfastError(error)) throw error;
      const { code, message, outcome } = error;
      return { is: 'failure', told: `${code} ${outcome}: ${message}`, outcome, ms: msNow() };
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    this.#client?.destroy();
    await this.#client?.closed;
    this.#client = undefined;
  }

  get #opened(): Client<BzrVerbs> {
    if (this.#client === undefined) throw new Error('No client was opened');
    return this.#client;
  }
}

function mediumOf(place: Place): Parameters<typeof connect>[0] {
  const { host, port } = place;
  if (!('brz' in place)) return `tcp://${host}:${port}`;
  const { user, configFile } = place;
  const command = `${place.brz} serve --inet --directory=/ --allow-writes`;
  return openssh({ host, port, user, configFile, command });
}
