import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import {
  type CallContext,
  defineVerbs,
  idempotent,
  memoryCompletions,
  mutate,
  once,
  read,
  type Safety,
  semi,
  type TransactionalStore,
  transactional,
  type Verb,
} from '../../lib/index.ts';
import {
  type CheckedApplication,
  checkVerbs,
  type VerbFinding,
  VirtualClock,
} from '../../lib/testing/index.ts';
import { failureOf } from '../support/failing.ts';
import { settled } from '../support/recorder.ts';

interface Note {
  readonly name: string;
  readonly text: string;
}

const some: readonly Note[] = [
  { name: 'a', text: '1' },
  { name: 'b', text: '1' },
  { name: 'a', text: '2' },
];
const names = ['a', 'b'];

/** Verbs that are what they say, over a shelf of notes and a lock. */
const honest = defineVerbs({
  get: read<string, string>(),
  list: read<void, string[]>(),
  put: idempotent<Note>(),
  delete: idempotent<string>(),
  create: semi<Note>(),
  lock: semi<void>(),
  unlock: semi<void>(),
  append: mutate<Note, number>(),
  pay: once<number, number>(),
});

function shelf(): CheckedApplication<typeof honest> {
  const state = { notes: new Map<string, string>(), isLocked: false, paid: 0 };
  return {
    snapshot: () => state,
    handlers: {
      get: (name) => {
        const text = state.notes.get(name);
        if (text === undefined) throw new Error('no such note');
        return text;
      },
      list: () => [...state.notes.keys()],
      put: async ({ name, text }) => {
        await Promise.resolve();
        state.notes.set(name, text);
      },
      delete: (name) => void state.notes.delete(name),
      create: ({ name, text }) => {
        if (state.notes.has(name)) throw new Error('there is one already');
        state.notes.set(name, text);
      },
      lock: () => {
        if (state.isLocked) throw new Error('locked already');
        state.isLocked = true;
      },
      unlock: () => {
        if (!state.isLocked) throw new Error('not locked');
        state.isLocked = false;
      },
      append: ({ name, text }) => {
        const longer = (state.notes.get(name) ?? '') + text;
        state.notes.set(name, longer);
        return longer.length;
      },
      pay: (cents) => {
        state.paid += cents;
        return state.paid;
      },
    },
  };
}

const inputs = { get: names, put: some, delete: names, create: some, append: some, pay: [1, 2] };

/** The one finding for a verb `do` that is marked so, whose handler works on a list of strings. */
async function findingOf(
  verb: Verb<Safety, string, unknown>,
  handler: (list: string[], input: string, call: CallContext) => unknown,
  examples: readonly string[] = ['x', 'y'],
): Promise<VerbFinding | undefined> {
  const verbs = defineVerbs({
    do: verb,
    clear: mutate(),
    add: mutate<string>(),
  });
  const { findings, unchecked } = await checkVerbs(verbs, {
    setup: () => {
      const list: string[] = [];
      return {
        snapshot: () => list,
        handlers: {
          do: (input, call) => handler(list, input, call),
          clear: () => void list.splice(0),
          add: (text) => void list.push(text),
        },
      };
    },
    inputs: { do: examples, add: examples },
  });
  expect(findings).to.have.length.at.most(1);
  expect(unchecked).to.deep.equal([]);
  return findings[0];
}

describe('The check of verbs', () => {
  it('finds nothing in verbs that are what they say', async () => {
    const report = await checkVerbs(honest, { setup: shelf, inputs });
    expect(report.text).to.match(
      /^No verb was found that is marked safer than it is \(\d+ trials, seed 1\)\.$/,
    );
    expect(report).to.deep.include({ findings: [], doubts: [], unchecked: [] });
    expect(report.trials).to.be.above(500);
  });

  it('finds an append that is marked idempotent, and shows the smallest story', async () => {
    const { append, ...others } = honest;
    const verbs = defineVerbs({ ...others, append: idempotent<Note, number>() });
    const report = await checkVerbs(verbs, { setup: shelf, inputs });
    expect(report.text.replace(/\d+ trials/, 'N trials')).to.equal(
      `1 verb is marked safer than it is (N trials, seed 1).

append is marked \`idempotent\`, but a repeat changes the state. It fits \`mutate\`, or \`once\`.
  1. append({ name: 'a', text: '1' }) gives 1
  2. append({ name: 'a', text: '1' }) again gives 2
  state after the first: { isLocked: false, notes: Map(1) { 'a' => '1' }, paid: 0 }
  state that it left: { isLocked: false, notes: Map(1) { 'a' => '11' }, paid: 0 }`,
    );
    const [finding] = report.findings;
    expect(finding).to.deep.include({ verb: 'append', safety: 'idempotent', fits: 'mutate' });
  });

  it('finds a read that writes', async () => {
    const finding = await findingOf(read<string, unknown>(), (list, input) => list.push(input));
    expect(finding).to.include({ problem: 'it changes the state', fits: 'mutate' });
    expect(finding?.before).to.deep.equal([]);
  });

  it('finds a read that writes only in a state that other calls lead to, and says how to get there', async () => {
    const finding = await findingOf(read<string, unknown>(), (list) => {
      if (list.length >= 2) list.length = 0;
    });
    expect(finding).to.include({ problem: 'it changes the state', fits: 'idempotent' });
    expect(finding?.before.map(({ verb }) => verb)).to.deep.equal(['add', 'add']);
    expect(finding?.text).to.match(/1\. add\('.'\)\n {2}2\. add\('.'\)\n {2}3\. do\('.'\)/);
  });

  it('finds a semi that succeeds twice and spoils something', async () => {
    const finding = await findingOf(semi<string, unknown>(), (list, input) =>
      list.push(`lock by ${input}`),
    );
    expect(finding).to.include({ problem: 'a repeat changes the state', fits: 'mutate' });
  });

  it('finds a semi that fails when it is repeated, and spoils something all the same', async () => {
    const finding = await findingOf(semi<string, unknown>(), (list, input) => {
      list.push(input);
      if (list.length > 1) throw new Error('there is one already');
    });
    expect(finding).to.include({ problem: 'a repeat changes the state' });
    expect(finding?.text).to.include("do('x') again fails: there is one already");
  });

  it('finds an idempotent verb whose repeat fails, and says that it is semi', async () => {
    const finding = await findingOf(idempotent<string, unknown>(), (list, input) => {
      if (list.includes(input)) throw new Error('there is one already');
      list.push(input);
    });
    expect(finding).to.include({
      problem: 'a repeat fails although the first succeeded',
      fits: 'semi',
    });
  });

  it('finds a verb that knows only its last call, by a repeat behind another one', async () => {
    const finding = await findingOf(idempotent<string, unknown>(), (list, input) => {
      if (list.at(-1) !== input) list.push(input);
    });
    expect(finding?.problem).to.include('behind another call');
    expect(finding?.between).to.not.equal(undefined);
    expect(finding?.text).to.include('state after the two in the other order');
  });

  it('finds a verb that looks, waits and then writes, by two copies at a time', async () => {
    const finding = await findingOf(idempotent<string, unknown>(), async (list, input) => {
      const isThere = list.includes(input);
      await Promise.resolve();
      if (!isThere) list.push(input);
    });
    expect(finding?.problem).to.include('two copies at the same time');
    expect(finding?.text).to.include("do('x') at the same time");
  });

  it('lets a put pass, which a late repeat turns back', async () => {
    const put = await findingOf(idempotent<string, unknown>(), (list, input) => {
      list[0] = input;
    });
    expect(put).to.equal(undefined);
  });

  it('tells a handler which copy it is', async () => {
    const seen = new Set<string>();
    await findingOf(
      idempotent<string, unknown>(),
      (_, input, { verb, attempt, isReplay, peer, remainingMs, signal }) => {
        expect([verb, input, peer.medium, signal.aborted]).to.deep.equal([
          'do',
          'x',
          'memory',
          false,
        ]);
        expect(remainingMs).to.equal(2_000);
        seen.add(`${attempt} ${isReplay}`);
      },
      ['x'],
    );
    expect([...seen]).to.have.members(['1 false', '2 true']);
  });

  it('asks for a look where a repeat answers something else', async () => {
    const verbs = defineVerbs({ touch: idempotent<void, boolean>() });
    const { findings, doubts, text } = await checkVerbs(verbs, {
      setup: () => {
        const state = { isTouched: false };
        const touch = (): boolean => {
          const isFirst = !state.isTouched;
          state.isTouched = true;
          return isFirst;
        };
        return { snapshot: () => state, handlers: { touch } };
      },
    });
    expect(findings).to.deep.equal([]);
    const said = 'a repeat with undefined answers something else: true, then false';
    expect(doubts).to.deep.equal([{ verb: 'touch', text: said }]);
    expect(text).to.include(`Worth a look:\n  touch: ${said}`);
  });

  it('does not take what is random for a fault, and says that it could not compare', async () => {
    const verbs = defineVerbs({ make: idempotent<string>(), drop: idempotent<string>() });
    const { findings, doubts } = await checkVerbs(verbs, {
      setup: () => {
        const ids = new Map<string, string>();
        return {
          snapshot: () => ids,
          handlers: {
            make: (name) => {
              if (!ids.has(name)) ids.set(name, randomUUID());
            },
            drop: (name) => void ids.delete(name),
          },
        };
      },
      inputs: { make: ['a', 'b'], drop: ['a', 'b'] },
    });
    expect(findings).to.deep.equal([]);
    expect(doubts.map(({ verb }) => verb)).to.include('make');
    expect(doubts[0]?.text).to.include('leave what is random or tells the time out');
  });

  it('says of which verbs it knows nothing, and why', async () => {
    const verbs = defineVerbs({
      watch: read.serverStream<void, string>(),
      open: semi<string>(),
      write: mutate(),
    });
    const { unchecked, text } = await checkVerbs(verbs, {
      setup: () => ({
        snapshot: () => 0,
        handlers: {
          watch: () => ['a'],
          open: () => {
            throw new Error('no such door');
          },
          write: () => {},
        },
      }),
    });
    expect(unchecked.map(({ verb }) => verb)).to.deep.equal(['watch', 'open']);
    expect(text).to.include(
      'Not checked:\n  watch: it has streams\n  open: no call of it succeeded',
    );
    expect(text).to.include('"no such door"');
  });

  it('makes inputs by chance, the same for the same seed', async () => {
    const verbs = defineVerbs({ put: idempotent<number>() });
    const run = async (seed: number): Promise<Set<number>> => {
      const seen = new Set<number>();
      await checkVerbs(verbs, {
        ...{ seed, rounds: 5 },
        setup: () => ({ snapshot: () => 0, handlers: { put: (input) => void seen.add(input) } }),
        inputs: { put: (random) => Math.floor(random() * 1_000_000) },
      });
      return seen;
    };
    const [one, same, other] = [await run(1), await run(1), await run(2)];
    expect(one.size).to.be.above(10);
    expect(same).to.deep.equal(one);
    expect(other).to.not.deep.equal(one);
  });

  it("gives handlers what the verb's schema makes of an input, and refuses what it refuses", async () => {
    const upper = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) =>
          typeof value === 'string'
            ? { value: value.toUpperCase() }
            : { issues: [{ message: 'no text' }] },
      },
    } as const;
    const seen = new Set<unknown>();
    const verbs = defineVerbs({ put: idempotent({ input: upper }) });
    const setup = (): CheckedApplication<typeof verbs> => ({
      snapshot: () => 0,
      handlers: { put: (input) => void seen.add(input) },
    });
    await checkVerbs(verbs, { setup, inputs: { put: ['a'] } });
    expect([...seen]).to.deep.equal(['A']);
    const { unchecked } = await checkVerbs(verbs, { setup, inputs: { put: [1] } });
    expect(unchecked[0]?.text).to.include('"Its input is wrong: no text"');
  });

  it('gives up a handler that does not end, and tells it', async () => {
    const clock = new VirtualClock({ turns: 'real' });
    let aborted = 0;
    const verbs = defineVerbs({ wait: idempotent() });
    const checking = checkVerbs(verbs, {
      ...{ clock, rounds: 0 },
      setup: () => ({
        snapshot: () => 0,
        handlers: {
          wait: (_, { signal }) =>
            new Promise<void>(() => signal.addEventListener('abort', () => aborted++)),
        },
      }),
    });
    await clock.pass(100_000);
    const { unchecked } = await checking;
    expect(unchecked[0]?.text).to.include('The handler of "wait" took longer than 2000 ms');
    expect(aborted).to.be.above(5);
  });

  it('closes every application that it has made, also when something throws', async () => {
    let open = 0;
    const verbs = defineVerbs({ put: idempotent() });
    const application = (snapshot: () => unknown) => () => {
      open++;
      return { snapshot, handlers: { put: () => {} }, close: () => open-- };
    };
    await checkVerbs(verbs, { setup: application(() => 0) });
    expect(open).to.equal(0);
    const broken = new Error('broken');
    const thrown = checkVerbs(verbs, {
      setup: application(() => {
        throw broken;
      }),
    });
    expect(await failureOf(thrown)).to.equal(broken);
    expect(open).to.equal(0);
  });

  it('leaves transactional handlers alone, which run within their store only', async () => {
    const store = memoryCompletions() as unknown as TransactionalStore<object>;
    const verbs = defineVerbs({ pay: once<number>(), put: idempotent<number>() });
    let paid = 0;
    await checkVerbs(verbs, {
      setup: () => ({
        snapshot: () => 0,
        handlers: { pay: transactional(store, () => void paid++), put: () => {} },
      }),
      inputs: { pay: [1], put: [1] },
    });
    await settled(() => paid);
    expect(paid).to.equal(0);
  });
});
