import { expect } from 'chai';
import {
  type Client,
  connect,
  defineVerbs,
  type HoldfastError,
  memory,
  read,
  type Server,
  type StandardSchema,
  serve,
} from '../../lib/index.ts';
import { VirtualClock } from '../../lib/testing/index.ts';

/** What the validator does with the next input. */
let look: () => unknown = () => undefined;

const slow: StandardSchema<string, string> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const looked = look();
      const result = { value: value as string };
      return looked instanceof Promise ? looked.then(() => result) : result;
    },
  },
};

const verbs = defineVerbs({ get: read<typeof slow, string>({ input: slow }) });

/** How a call was told to end. */
function told(call: Promise<unknown>): Promise<string> {
  return call.then(String, ({ code, outcome }: HoldfastError) => `${code} ${outcome}`);
}

describe('A call whose input is looked at first', () => {
  let clock: VirtualClock;
  let server: Server;
  let client: Client<typeof verbs>;
  let isSilent: boolean;

  beforeEach(async () => {
    clock = new VirtualClock({ turns: 'real' });
    look = () => undefined;
    isSilent = false;
    const get = (name: string): Promise<string> | string =>
      isSilent ? new Promise(() => {}) : `got ${name}`;
    const here = memory('looked at');
    server = await serve(verbs, { get }, { listen: here });
    client = connect(here, verbs, { clock, timeoutMs: 1_000 });
    await client.ready();
  });

  afterEach(async () => {
    client.destroy();
    await client.closed;
    look = () => undefined;
    await server.close();
    expect(clock.keepsAlive).to.equal(false);
  });

  /** A validator of the client that waits for this; the server's looks at once. */
  function waiting(): () => void {
    let go: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    look = () => {
      look = () => undefined;
      return gate;
    };
    return go;
  }

  it('is waited for by a client that closes, however long the look takes', async () => {
    const atOnce = told(client.call.get('a'));
    const go = waiting();
    const later = told(client.call.get('b'));
    const closed = client.close();
    expect(await atOnce).to.equal('got a');
    await clock.pass(500);
    go();
    expect(await later).to.equal('got b');
    await closed;
  });

  it('ends with a client that is destroyed meanwhile', async () => {
    waiting();
    const call = told(client.call.get('a'));
    client.destroy();
    expect(await call).to.equal('ERR_HOLDFAST_CLOSED not-executed');
  });

  it('ends at its deadline when the look never ends, and keeps the process alive until then', async () => {
    waiting();
    const call = told(client.call.get('a', { timeoutMs: 300 }));
    expect(clock.keepsAlive).to.equal(true);
    await clock.pass(310);
    expect(await call).to.equal('ERR_HOLDFAST_DEADLINE not-executed');
  });

  it('has no more than what is left of its time when the look is over', async () => {
    isSilent = true;
    const go = waiting();
    const call = told(client.call.get('a', { timeoutMs: 300 }));
    await clock.pass(200);
    go();
    await clock.pass(90);
    expect(client.pending).to.equal(1);
    await clock.pass(20);
    expect(await call).to.equal('ERR_HOLDFAST_DEADLINE unknown');
  });

  it('can be cancelled meanwhile', async () => {
    waiting();
    const controller = new AbortController();
    const call = told(client.call.get('a', { signal: controller.signal }));
    controller.abort();
    expect(await call).to.equal('ERR_HOLDFAST_ABORTED not-executed');
  });

  it('is not waited for when it was cancelled before', async () => {
    waiting();
    const call = told(client.call.get('a', { signal: AbortSignal.abort() }));
    const outcome = await Promise.race([call, clock.pass(900).then(() => 'is waited for')]);
    expect(outcome).to.equal('ERR_HOLDFAST_ABORTED not-executed');
  });
});
