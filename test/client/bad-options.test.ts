import { expect } from 'chai';
import type { ReadyOptions } from '../../lib/client/options.ts';
import {
  type Client,
  type ClientOptions,
  clientDefaults,
  connect,
  memory,
  mutate,
  type Reconciled,
  type Server,
  serve,
} from '../../lib/index.ts';
import { expectFailure } from '../support/failing.ts';
import { Executions, verbs } from '../support/verbs.ts';
import { namesOf, wrongCounts, wrongMilliseconds } from '../support/wrong-options.ts';

const nowhere = memory('nowhere');

/** Connects with options that the types would not let through. */
function connectWith(options: unknown): unknown {
  return connect(nowhere, verbs, options as ClientOptions);
}

describe('The options of a client', () => {
  for (const name of namesOf(clientDefaults, 'milliseconds')) {
    it(`refuses ${name} that is no number of milliseconds`, async () => {
      for (const [value, shown] of wrongMilliseconds) {
        const connecting = (): unknown => connectWith({ [name]: value });
        const text = `Option "${name}" must`;
        const error = await expectFailure(connecting, 'ERR_HOLDFAST_OPTION', text);
        expect(error.message)
          .to.match(/milliseconds from [01] to 2147483647/)
          .and.include(shown);
      }
    });
  }

  for (const name of namesOf(clientDefaults, 'count')) {
    it(`refuses ${name} that is no count`, async () => {
      for (const [value, shown] of wrongCounts) {
        const connecting = (): unknown => connectWith({ [name]: value });
        const text = `Option "${name}" must`;
        const error = await expectFailure(connecting, 'ERR_HOLDFAST_OPTION', text);
        expect(error.message)
          .to.match(/whole number from \d+ to \d+/)
          .and.include(shown);
      }
    });
  }

  it('has a test for each option with a number', () => {
    const numbers = Object.entries(clientDefaults).filter(([, value]) => typeof value === 'number');
    const tested = [
      ...namesOf(clientDefaults, 'milliseconds'),
      ...namesOf(clientDefaults, 'count'),
    ];
    expect(tested).to.have.members(numbers.map(([name]) => name));
  });

  const wrong: readonly (readonly [options: unknown, text: string])[] = [
    [null, 'client option must be an object, got null'],
    [5_000, 'client option must be an object, got 5000'],
    [{ timeout: 5 }, 'Unknown client option "timeout"; did you mean "timeoutMs"?'],
    [{ timeoutms: 5 }, 'Unknown client option "timeoutms"; did you mean "timeoutMs"?'],
    [{ hearbeatMs: 5 }, 'Unknown client option "hearbeatMs"; did you mean "heartbeatMs"?'],
    [{ reconnectBase: 5 }, '"reconnectBase"; did you mean "reconnectBaseMs"?'],
    [{ password: 'x' }, 'Unknown client option "password"'],
    [{ constructor: 1 }, 'Unknown client option "constructor"'],
    [{ replay: 'always' }, '"replay" must be one of "never", "read", "idempotent", "semi", got'],
    [{ replay: true }, 'Option "replay" must be one of'],
    [{ reconcile: () => 1 }, 'Option "reconcile" must be an object, got a function'],
    [{ reconcile: { mutate: 1 } }, 'Option "reconcile.mutate" must be a function, got 1'],
    [{ reconcile: { mutat: () => 1 } }, 'the unknown verb "mutat"; did you mean "mutate"?'],
    [{ reconcile: { constructor: () => 1 } }, 'names the unknown verb "constructor"'],
    [{ retryBudget: true }, 'retryBudget option must be an object, got true'],
    [{ retryBudget: { ratio: -1 } }, 'Option "retryBudget.ratio" must be a number from 0 to'],
    [{ retryBudget: { ttlMs: 2 ** 31 } }, 'Option "retryBudget.ttlMs" must be a number of mill'],
    [{ retryBudget: { percent: 5 } }, 'Unknown retryBudget option "percent"'],
    [{ retrybudget: {} }, 'Unknown client option "retrybudget"; did you mean "retryBudget"?'],
    [{ maxRetryAfter: 5 }, '"maxRetryAfter"; did you mean "maxRetryAfterMs"?'],
    [{ pacing: 1 }, 'Option "pacing" must be a boolean, got 1'],
    [{ protocol: 'bzr' }, 'Option "protocol" must be an object, got "bzr"'],
    [{ protocol: { callWriter: () => 1 } }, '"protocol.clientWire" must be a function, got undef'],
    [{ maxLinks: 0 }, 'Option "maxLinks" must be a whole number from 1 to 1000, got 0'],
    [{ eager: 1 }, 'Option "eager" must be a boolean, got 1'],
    [{ random: 0.5 }, 'Option "random" must be a function, got 0.5'],
    [{ clock: Date }, 'Option "clock" must be an object, got a function'],
    [{ clock: {} }, 'Option "clock" must have the method now()'],
    [{ clock: { now: () => 0, setTimer: () => 0 } }, 'must have the method nextTurn()'],
    [{ maxAttempts: 256 }, 'Option "maxAttempts" must be a whole number from 1 to 255, got 256'],
    [{ maxFrameBytes: 1_023 }, 'Option "maxFrameBytes" must be a whole number from 1024'],
  ];

  for (const [options, text] of wrong) {
    it(`says: ${text}`, async () => {
      const error = await expectFailure(() => connectWith(options), 'ERR_HOLDFAST_OPTION', text);
      expect([error.final, error.outcome]).to.deep.equal([true, 'not-executed']);
    });
  }

  const wrongTargets: readonly (readonly [target: unknown, text: string])[] = [
    [undefined, 'connect needs a URL or a medium, got undefined'],
    [null, 'connect needs a URL or a medium, got null'],
    [4155, 'connect needs a URL or a medium, got 4155'],
    [{}, 'connect needs a URL or a medium, got an object'],
    [[], 'connect needs at least one URL or medium'],
    [[nowhere, undefined], 'connect needs a URL or a medium, got undefined'],
    [new URL('tcp://127.0.0.1:1'), 'connect needs a URL or a medium, got an object'],
  ];

  for (const [target, text] of wrongTargets) {
    it(`says: ${text}`, async () => {
      await expectFailure(() => connect(target as string, verbs), 'ERR_HOLDFAST_OPTION', text);
    });
  }

  const wrongVerbs: readonly (readonly [registry: unknown, text: string])[] = [
    [null, 'Verbs must be an object, got null'],
    ['read', 'Verbs must be an object, got "read"'],
    [{ timeoutMs: 500 }, 'Verb "timeoutMs" must be made by read()'],
    [{ pay: mutate }, 'Verb "pay" must be made by read()'],
    [{ pay: { safety: 'read' } }, 'Verb "pay" must be made by read()'],
  ];

  for (const [registry, text] of wrongVerbs) {
    it(`says of verbs: ${text}`, async () => {
      const eager = { eager: true };
      const connecting = (): unknown => connect(nowhere, registry as typeof verbs, eager);
      await expectFailure(connecting, 'ERR_HOLDFAST_REGISTRY', text);
    });
  }
});

describe('The option `reconcile` without a registry', () => {
  it('takes any name, and asks of that verb alone', async () => {
    const place = memory('untyped');
    const asked: string[] = [];
    const options: ClientOptions = {
      reconcile: {
        mutate: (_input, { verb }) => {
          asked.push(verb);
          return { result: 'applied', output: 'found' };
        },
        constructor: (): Reconciled => ({ result: 'unknown' }),
      },
      attemptTimeoutMs: 20,
    };
    const wait = (): Promise<string> => new Promise(() => {});
    const handlers = { read: wait, idempotent: wait, semi: wait, once: wait, mutate: wait };
    const server = await serve(verbs, handlers, { listen: place });
    const client = connect(place, undefined, options);
    expect(await client.invoke('mutate', 'x')).to.equal('found');
    expect(asked).to.deep.equal(['mutate']);
    await client.close();
    await server.close();
  });
});

describe('The options of a call', () => {
  let executions: Executions;
  let server: Server;
  let client: Client<typeof verbs>;

  beforeEach(async () => {
    executions = new Executions();
    const place = memory('calls');
    server = await serve(verbs, executions.handlers(), { listen: place });
    client = connect(place, verbs);
  });

  afterEach(async () => {
    expect(executions.total).to.equal(0);
    expect(client.pending).to.equal(0);
    await client.close();
    await server.close();
  });

  async function expectRefused(options: unknown, text: string | RegExp): Promise<void> {
    const calls = [
      client.call.mutate('x', options as { timeoutMs: number }),
      client.invoke('mutate', 'x', options as { timeoutMs: number }),
    ];
    for (const call of calls) {
      const error = await expectFailure(call, 'ERR_HOLDFAST_OPTION', text);
      expect([error.final, error.outcome]).to.deep.equal([true, 'not-executed']);
    }
  }

  for (const name of ['timeoutMs', 'attemptTimeoutMs']) {
    it(`refuses ${name} that is no number of milliseconds`, async () => {
      for (const [value] of wrongMilliseconds) {
        await expectRefused({ [name]: value }, `Option "${name}" must be a number of milliseconds`);
      }
    });
  }

  const wrong: readonly (readonly [options: unknown, text: string])[] = [
    [null, 'call option must be an object, got null'],
    [500, 'call option must be an object, got 500'],
    [{ timeoutMs: 0 }, 'Option "timeoutMs" must be a number of milliseconds from 1 to'],
    [{ timeout: 5 }, 'Unknown call option "timeout"; did you mean "timeoutMs"?'],
    [{ maxAttempts: 5 }, 'Unknown call option "maxAttempts"'],
    [{ replay: 'mutate' }, 'Option "replay" must be one of'],
    [{ signal: {} }, 'Option "signal.addEventListener" must be a function, got undefined'],
    [{ signal: null }, 'Option "signal" must be an object, got null'],
    [{ signal: new AbortController() }, 'Option "signal.addEventListener" must be a function'],
    [{ key: 7 }, 'Option "key" must be a string, got 7'],
    [{ key: '' }, 'Option "key" must have 1 to 255 bytes, got 0'],
    [{ key: 'ü'.repeat(128) }, 'Option "key" must have 1 to 255 bytes, got 256'],
  ];

  for (const [options, text] of wrong) {
    it(`says: ${text}`, () => expectRefused(options, text));
  }

  it('refuses a time for ready() that is none, by rejecting', async () => {
    for (const [value] of wrongMilliseconds) {
      const ready = client.ready({ timeoutMs: value as number });
      await expectFailure(ready, 'ERR_HOLDFAST_OPTION', '"timeoutMs" must be a number');
    }
  });

  it('refuses unknown options of ready() and verbs(), by rejecting', async () => {
    const options = { timeout: 5 } as ReadyOptions;
    for (const wait of [client.ready(options), client.verbs(options)]) {
      await expectFailure(wait, 'ERR_HOLDFAST_OPTION', 'did you mean "timeoutMs"?');
    }
  });
});
