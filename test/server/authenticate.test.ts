import { expect } from 'chai';
import {
  type CallContext,
  type ClientOptions,
  connect,
  defineVerbs,
  memory,
  once,
  read,
  serve,
} from '../../lib/index.ts';
import { failureOf } from '../support/failure.ts';
import { call, clientHello, ping, RawPeer } from '../support/raw-peer.ts';

const verbs = defineVerbs({
  who: read<void, string>(),
  pay: once<string, string>(),
});

/** Tells who calls, and counts payments. */
function handlers(payments: string[]) {
  return {
    who: (_input: unknown, { principal }: CallContext) =>
      typeof principal === 'string' ? principal : String(principal?.id),
    pay: (what: string, { principal }: CallContext) => {
      payments.push(`${String(principal)} ${what}`);
      return `paid ${what}`;
    },
  };
}

/** Accepts a token that is a name backwards. */
function backwards(credentials: unknown): string {
  const { name, token } = credentials as { name: string; token: string };
  if ([...name].reverse().join('') !== token) throw new Error('The token is wrong');
  return name;
}

describe('Authentication', () => {
  let here: ReturnType<typeof memory>;

  beforeEach(() => {
    here = memory();
  });

  /** Why the first try of a call has come to nothing; others would follow. */
  async function whyNotYet(options?: ClientOptions): Promise<string> {
    const client = connect(here, verbs, options);
    const tried = new Promise<Error | undefined>((resolve) => {
      client.once('reconnecting', ({ cause }) => resolve(cause));
    });
    const failure = failureOf(client.call.who());
    const cause = await tried;
    client.destroy();
    await failure;
    return String(cause);
  }

  it('gives the handler what authenticate returned', async () => {
    const server = await serve(verbs, handlers([]), { listen: here, authenticate: backwards });
    const client = connect(here, verbs, { credentials: { name: 'anna', token: 'anna' } });
    expect(await client.call.who()).to.equal('anna');
    await client.close();
    await server.close();
  });

  it('fails every call of a client that is not accepted, finally and not executed', async () => {
    const server = await serve(verbs, handlers([]), { listen: here, authenticate: backwards });
    const client = connect(here, verbs, { credentials: { name: 'bert', token: 'bert' } });
    const errors = await Promise.all([failureOf(client.call.who()), failureOf(client.ready())]);
    for (const error of errors) {
      expect(error).to.include({ code: 'ERR_HOLDFAST_UNAUTHENTICATED', outcome: 'not-executed' });
      expect(error.final).to.equal(true);
      expect(error.message).to.include('The token is wrong');
      expect(JSON.stringify(error)).not.to.include('"token"');
    }
    await client.close();
    await server.close();
  });

  it('asks for fresh credentials at each connection', async () => {
    let asked = 0;
    const server = await serve(verbs, handlers([]), {
      listen: here,
      authenticate: async (credentials) => `visit ${String(credentials)}`,
    });
    const client = connect(here, verbs, { credentials: async () => ++asked, reconnectBaseMs: 1 });
    expect(await client.call.who()).to.equal('visit 1');
    await server.close();
    const next = await serve(verbs, handlers([]), {
      listen: here,
      authenticate: (credentials) => ({ id: `again ${String(credentials)}` }),
    });
    expect(await client.call.who()).to.match(/^again [2-9]/);
    await client.close();
    await next.close();
  });

  it('gives up on credentials that cannot be had or cannot travel, with the reason', async () => {
    const server = await serve(verbs, handlers([]), { listen: here, authenticate: backwards });
    const credentials = (): never => {
      throw new Error('The keychain is locked');
    };
    expect(await whyNotYet({ credentials })).to.include('The keychain is locked');
    const strange = connect(here, verbs, { timeoutMs: 500, credentials: { run: () => {} } });
    expect((await failureOf(strange.call.who())).message).to.include(
      'a function cannot be encoded',
    );
    await strange.close();
    await server.close();
  });

  it('is bounded by the time of the handshake', async () => {
    const server = await serve(verbs, handlers([]), {
      listen: here,
      handshakeTimeoutMs: 50,
      authenticate: () => new Promise(() => {}),
    });
    expect(await whyNotYet()).to.include('No hello within 50 ms');
    await server.close();
  });

  it('does not take a principal without a name', async () => {
    const server = await serve(verbs, handlers([]), {
      listen: here,
      authenticate: (() => undefined) as never,
    });
    const client = connect(here, verbs);
    const error = await failureOf(client.call.who());
    expect(error).to.include({ code: 'ERR_HOLDFAST_UNAUTHENTICATED', outcome: 'not-executed' });
    await client.close();
    await server.close();
  });

  it('keeps the keys of two principals apart', async () => {
    const payments: string[] = [];
    const server = await serve(verbs, handlers(payments), {
      listen: here,
      authenticate: (credentials) => credentials as string,
    });
    // Joined carelessly, both would be "a:b:c".
    const [one, other] = ['a', 'a:b'].map((credentials) => connect(here, verbs, { credentials }));
    await one?.call.pay('x', { key: 'b:c' });
    await other?.call.pay('y', { key: 'c' });
    await one?.call.pay('x', { key: 'b:c' });
    expect(payments).to.deep.equal(['a x', 'a:b y']);
    await one?.close();
    await other?.close();
    await server.close();
  });

  it('does not let another principal take a session over', async () => {
    const listen = 'tcp://127.0.0.1:0';
    const authenticate = (credentials: unknown): string => credentials as string;
    const server = await serve(verbs, handlers([]), { listen, authenticate });
    const url = server.urls[0] as string;
    const session = Buffer.alloc(16, 7);
    const owner = await RawPeer.greeted(url, { session, credentials: 'anna' });
    const thief = await RawPeer.connect(url);
    thief.send(clientHello({ session, credentials: 'bert' }));
    const { code, final } = await thief.fault();
    expect([code, final]).to.deep.equal(['ERR_HOLDFAST_UNAUTHENTICATED', true]);
    const again = await RawPeer.greeted(url, { session, credentials: 'anna' });
    for (const peer of [owner, again]) {
      peer.destroy();
      await peer.closed;
    }
    await server.close();
  });

  it('takes nothing from a client that does not wait to be accepted', async () => {
    const server = await serve(verbs, handlers([]), {
      listen: 'tcp://127.0.0.1:0',
      authenticate: () => new Promise(() => {}),
    });
    for (const early of [call({ number: 1 }), ping(1)]) {
      const peer = await RawPeer.connect(server.urls[0] as string);
      peer.send(clientHello(), early);
      const { code, message } = await peer.fault();
      expect(code).to.equal('ERR_HOLDFAST_PROTOCOL');
      expect(message).to.include("before the server's hello");
    }
    await server.close();
  });

  it('costs one connection, and not the process, when the principal cannot be read again', async () => {
    let reads = 0;
    const fickle = {
      get id(): string {
        if (++reads > 1) throw new Error('gone');
        return 'anna';
      },
    };
    const server = await serve(verbs, handlers([]), { listen: here, authenticate: () => fickle });
    const faults: string[] = [];
    server.on('fault', ({ error }) => faults.push(error.message));
    const client = connect(here, verbs, { random: () => 0 });
    const error = await failureOf(client.call.who(undefined, { timeoutMs: 500 }));
    expect(error.outcome).to.equal('not-executed');
    expect(faults[0]).to.include('could not be processed');
    client.destroy();
    await client.closed;
    await server.close();
  });
});
