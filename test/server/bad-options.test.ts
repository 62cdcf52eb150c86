import { expect } from 'chai';
import { connect, memory, type Server, serve, serverDefaults } from '../../lib/index.ts';
import { expectFailure } from '../support/failing.ts';
import { Executions, verbs } from '../support/verbs.ts';
import { namesOf, wrongCounts, wrongMilliseconds } from '../support/wrong-options.ts';

const handlers = new Executions().handlers();

/** Serves with options that the types would not let through. */
function serveWith(options: unknown, table: unknown = handlers): Promise<Server> {
  return serve(verbs, table as typeof handlers, options as { listen: string });
}

const listen = 'tcp://127.0.0.1:0';

describe('The options of a server', () => {
  for (const name of namesOf(serverDefaults, 'milliseconds')) {
    it(`refuses ${name} that is no number of milliseconds`, async () => {
      for (const [value, shown] of wrongMilliseconds) {
        const serving = serveWith({ listen, [name]: value });
        const error = await expectFailure(serving, 'ERR_HOLDFAST_OPTION', `Option "${name}" must`);
        expect(error.message)
          .to.match(/milliseconds from [01] to 2147483647/)
          .and.include(shown);
        expect(error.final).to.equal(true);
      }
    });
  }

  for (const name of namesOf(serverDefaults, 'count')) {
    it(`refuses ${name} that is no count`, async () => {
      for (const [value, shown] of wrongCounts) {
        // Without a queue everything beyond the limit is refused.
        if (name === 'maxQueue' && value === 0) continue;
        const serving = serveWith({ listen, [name]: value });
        const error = await expectFailure(serving, 'ERR_HOLDFAST_OPTION', `Option "${name}" must`);
        expect(error.message)
          .to.match(/whole number from \d+ to \d+/)
          .and.include(shown);
      }
    });
  }

  it('has a test for each option with a number', () => {
    const withoutDefault = ['maxConcurrency', 'maxQueue'];
    const numbers = Object.entries(serverDefaults).filter(
      ([name, value]) => typeof value === 'number' || withoutDefault.includes(name),
    );
    const tested = [
      ...namesOf(serverDefaults, 'milliseconds'),
      ...namesOf(serverDefaults, 'count'),
    ];
    expect(tested).to.have.members(numbers.map(([name]) => name));
  });

  const wrong: readonly (readonly [options: unknown, text: string])[] = [
    [{ listen, maxConcurrency: 0 }, '"maxConcurrency" must be a whole number from 1 to 1000000'],
    [{ listen, maxConcurrency: Number.NaN }, '"maxConcurrency" must be a whole number'],
    [{ listen, maxConcurrency: 2, maxQueue: -1 }, '"maxQueue" must be a whole number from 0 to'],
    [{ listen, maxQueue: 2 }, 'Option "maxQueue" needs the option "maxConcurrency"'],
    [undefined, 'Option "listen" must be a URL or a listener, got undefined'],
    [{}, 'Option "listen" must be a URL or a listener, got undefined'],
    [null, 'server option must be an object, got null'],
    ['tcp://127.0.0.1:0', 'server option must be an object, got "tcp://127.0.0.1:0"'],
    [{ listen: null }, 'Option "listen" must be a URL or a listener, got null'],
    [{ listen: 4155 }, 'Option "listen" must be a URL or a listener, got 4155'],
    [{ listen: {} }, 'Option "listen" must be a URL or a listener, got an object'],
    [{ listen: [] }, 'Option "listen" must name at least one address'],
    [{ listen: [listen, 7] }, 'Option "listen" must be a URL or a listener, got 7'],
    [{ listen, maxFrameByte: 5 }, 'option "maxFrameByte"; did you mean "maxFrameBytes"?'],
    [{ listen, maxcalls: 5 }, 'option "maxcalls"; did you mean "maxCalls"?'],
    [{ listen, idlePing: 5 }, 'option "idlePing"; did you mean "idlePingMs"?'],
    [{ lisen: listen }, 'option "lisen"; did you mean "listen"?'],
    [{ listen, heartbeatMs: undefined }, 'Unknown server option "heartbeatMs"'],
    [{ listen, tls: true }, 'Unknown server option "tls"'],
    [{ listen, toString: 1 }, 'Unknown server option "toString"'],
    [{ listen, maxFrameBytes: 1_023 }, '"maxFrameBytes" must be a whole number from 1024 to'],
    [{ listen, maxFrameBytes: 2 ** 30 + 1 }, '"maxFrameBytes" must be a whole number from 1024'],
    [{ listen, maxCalls: 1_000_001 }, '"maxCalls" must be a whole number from 1 to 1000000'],
    [{ listen, authenticate: 'yes' }, 'Option "authenticate" must be a function, got "yes"'],
    [{ listen, clock: 7 }, 'Option "clock" must'],
    [{ listen, clock: {} }, 'Option "clock" must'],
    [{ listen, clock: { now: () => 0 } }, 'Option "clock" must'],
  ];

  for (const [options, text] of wrong) {
    it(`says: ${text}`, async () => {
      const error = await expectFailure(serveWith(options), 'ERR_HOLDFAST_OPTION', text);
      expect(error.final).to.equal(true);
    });
  }

  it('takes undefined for the default', async () => {
    const place = memory('undefined');
    const options = { listen: place, maxCalls: undefined, clock: undefined };
    const server = await serveWith(options);
    await server.close();
  });

  it('opens nothing when one of its options is wrong', async () => {
    const place = memory('closed');
    await expectFailure(serveWith({ listen: place, maxCalls: 0 }), 'ERR_HOLDFAST_OPTION');
    const refused = await place.dial(new AbortController().signal).catch((error) => error);
    expect(refused).to.have.property('code', 'ECONNREFUSED');
  });

  it('checks the time of a drain, and does not begin to drain when it is wrong', async () => {
    const server = await serveWith({ listen: memory('drain') });
    for (const [value, shown] of wrongMilliseconds) {
      const draining = server.drain({ timeoutMs: value as number });
      await expectFailure(draining, 'ERR_HOLDFAST_OPTION', /"timeoutMs" must be/);
      expect(shown).to.match(/^got/);
    }
    expect(await server.drain({ timeoutMs: 1_000 })).to.deep.equal({ cut: [] });
  });
});

describe('The handlers of a server', () => {
  const { read: _, ...four } = handlers;
  const wrong: readonly (readonly [table: unknown, text: string])[] = [
    [null, 'Handlers must be an object, got null'],
    ['handlers', 'Handlers must be an object, got "handlers"'],
    [() => {}, 'Handlers must be an object, got a function'],
    [{}, 'Verb "read" needs a handler, got undefined'],
    [[], 'Verb "read" needs a handler, got undefined'],
    [four, 'Verb "read" needs a handler, got undefined'],
    [{ ...handlers, read: null }, 'Verb "read" needs a handler, got null'],
    [{ ...handlers, read: 'read' }, 'Verb "read" needs a handler, got "read"'],
    [{ ...handlers, read: {} }, 'Verb "read" needs a handler, got an object'],
    [{ ...handlers, raed: () => {} }, 'Handler "raed" has no verb; did you mean "read"?'],
    [{ ...handlers, remove: () => {} }, 'Handler "remove" has no verb'],
    [Object.create(handlers), 'Verb "read" needs a handler, got undefined'],
  ];

  for (const [table, text] of wrong) {
    it(`says: ${text}`, async () => {
      const serving = serveWith({ listen: memory('handlers') }, table);
      const error = await expectFailure(serving, 'ERR_HOLDFAST_REGISTRY', text);
      expect(error.final).to.equal(true);
    });
  }

  it('calls a handler with its table as `this`', async () => {
    const place = memory('this');
    const table = {
      ...handlers,
      read(this: typeof handlers, name: string): string {
        return `mine: ${this.mutate(name)}`;
      },
    };
    const server = await serveWith({ listen: place }, table);
    const client = connect(place, verbs);
    expect(await client.call.read('x')).to.equal('mine: done x');
    await client.close();
    await server.close();
  });

  const wrongVerbs: readonly (readonly [registry: unknown, text: string])[] = [
    [undefined, 'must be an object, got undefined'],
    [null, 'must be an object, got null'],
    [{ get: {} }, 'Verb "get" must be made by read()'],
    [{ get: null }, 'Verb "get" must be made by read()'],
    [{ 'no spaces': verbs.read }, 'Verb name "no spaces" cannot be used'],
  ];

  for (const [registry, text] of wrongVerbs) {
    it(`says of verbs: ${text}`, async () => {
      const table = { get: () => {}, 'no spaces': () => {} };
      const serving = serve(registry as typeof verbs, table as never, { listen: memory('verbs') });
      await expectFailure(serving, 'ERR_HOLDFAST_REGISTRY', text);
    });
  }
});
