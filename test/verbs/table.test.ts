import { expect } from 'chai';
import { HoldfastError } from '../../lib/errors.ts';
import { packTable } from '../../lib/protocols/holdfast/packed-table.ts';
import { packValue, unpackValue } from '../../lib/protocols/holdfast/values.ts';
import { defineVerbs, mutate, once, read } from '../../lib/verbs/define.ts';
import type { Safety } from '../../lib/verbs/safety.ts';
import {
  decodeTable,
  encodeTable,
  maxVerbs,
  stricterRow,
  tableOf,
  type VerbRow,
} from '../../lib/verbs/table.ts';
import type { AnyVerb } from '../../lib/verbs/verb.ts';

const verbs = defineVerbs({
  get: read({ timeoutMs: 5_000 }),
  pay: once({ leaseMs: 30_000, maxAttempts: 2, maxReplayAgeMs: 0, attemptTimeoutMs: 50 }),
  append: mutate(),
  watch: read.serverStream({ inactivityTimeoutMs: 9 }),
  upload: mutate.clientStream({ timeoutMs: 7 }),
  chat: mutate.duplex(),
});

/** As it travels and arrives. */
function travelled(value: unknown): unknown {
  const packed = packValue(value);
  return unpackValue(1, packed, 0, packed.length, false);
}

function row(safety: Safety, settings: VerbRow['settings'] = {}): VerbRow {
  return { name: 'v', safety, kind: 'unary', settings };
}

function expectRefused(value: unknown): void {
  expect(() => decodeTable(value), JSON.stringify(value))
    .to.throw(HoldfastError, "Peer's table of verbs is wrong")
    .that.includes({ code: 'ERR_HOLDFAST_PROTOCOL', final: true });
}

describe("a server's table", () => {
  it('lists the verbs in the order in which calls refer to them', () => {
    expect(tableOf(verbs).map(({ name }) => name)).to.deep.equal([
      'get',
      'pay',
      'append',
      'watch',
      'upload',
      'chat',
    ]);
  });

  it('arrives as it was sent', () => {
    expect(decodeTable(travelled(encodeTable(tableOf(verbs))))).to.deep.equal(tableOf(verbs));
    expect(decodeTable([])).to.deep.equal([]);
  });

  it('holds no more verbs than a client takes', () => {
    const tooMany: Record<string, AnyVerb> = {};
    for (let index = 0; index < maxVerbs; index++) tooMany[`v${index}`] = read();
    expect(decodeTable(encodeTable(tableOf(tooMany))).length).to.equal(maxVerbs);
    tooMany['more'] = read();
    expect(() => tableOf(tooMany))
      .to.throw(HoldfastError, String(maxVerbs))
      .with.property('code', 'ERR_HOLDFAST_REGISTRY');
  });

  it('counts a class that is not known as the strictest', () => {
    for (const safety of ['safe', 'READ', '', null, 0, undefined, ['read'], {}]) {
      expect(decodeTable([['v', safety, {}]])).to.deep.equal([row('mutate')]);
    }
    expect(decodeTable([['v']])).to.deep.equal([row('mutate')]);
  });

  it('says who sends items, in a place that older peers leave out', () => {
    expect(encodeTable(tableOf(verbs)).slice(2)).to.deep.equal([
      ['append', 'mutate', {}],
      ['watch', 'read', { inactivityTimeoutMs: 9, kind: 'serverStream' }],
      ['upload', 'mutate', { timeoutMs: 7, kind: 'clientStream' }],
      ['chat', 'mutate', { kind: 'duplex' }],
    ]);
    const { hash } = packTable([row('read')]);
    expect(packTable([{ ...row('read'), kind: 'serverStream' }]).hash).not.to.equal(hash);
  });

  it('keeps apart kinds that are not known', () => {
    for (const kind of ['broadcast', '', 5, true, {}]) {
      const [only] = decodeTable([['v', 'read', { kind }]]);
      expect(only?.kind).to.equal('other');
    }
    for (const kind of [null, undefined]) {
      expect(decodeTable([['v', 'read', { kind }]])).to.deep.equal([row('read')]);
    }
  });

  it('leaves out settings that are not known', () => {
    const settings = {
      timeoutMs: 1,
      future: true,
      toString: 1,
      leaseMs: null,
      maxAttempts: undefined,
    };
    expect(decodeTable([['v', 'read', settings, 'more']])).to.deep.equal([
      row('read', { timeoutMs: 1 }),
    ]);
    for (const nothing of [null, undefined, 'text', 5, [], [1, 2]]) {
      expect(decodeTable([['v', 'read', nothing]])).to.deep.equal([row('read')]);
    }
  });

  it('is refused when it is none', () => {
    for (const value of [undefined, null, {}, 'text', 5, new Map()]) expectRefused(value);
  });

  it('is refused when a row is none, or has no name', () => {
    for (const wrong of [null, {}, 'get', 5, [], [1, 'read', {}], [null, 'read', {}], [['v']]]) {
      expectRefused([wrong]);
      expectRefused([['v', 'read', {}], wrong]);
    }
  });

  it('is refused when a name comes twice', () => {
    expectRefused([
      ['v', 'mutate', {}],
      ['w', 'read', {}],
      ['v', 'read', {}],
    ]);
  });

  it('is refused when it is too long', () => {
    const rows = Array.from({ length: maxVerbs + 1 }, (_, index) => [`v${index}`, 'read', {}]);
    expect(() => decodeTable(rows)).to.throw(HoldfastError, 'at most 4096');
  });

  it('is refused when a setting that is known is out of its range', () => {
    const wrong = {
      timeoutMs: [0, -1, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY, '5', {}, true],
      attemptTimeoutMs: [0, -1, 'x'],
      maxAttempts: [0, 256, 1.5, '3'],
      maxReplayAgeMs: [-1, Number.NaN],
      leaseMs: [-1, []],
      inactivityTimeoutMs: [0, '1'],
      retryRatio: [-0.1, 1_001, Number.NaN, '1'],
    };
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        expect(() => decodeTable([['v', 'read', { [name]: value }]]), `${name} ${String(value)}`)
          .to.throw(HoldfastError)
          .with.property('code', 'ERR_HOLDFAST_PROTOCOL');
      }
    }
  });

  it('gives rows that share nothing with what arrived', () => {
    const settings = { timeoutMs: 5 };
    const [only] = decodeTable([['v', 'read', settings]]);
    settings.timeoutMs = 6;
    expect(only?.settings.timeoutMs).to.equal(5);
  });
});

describe('stricterRow', () => {
  it('takes the stricter class of the two', () => {
    expect(stricterRow(row('read'), row('mutate')).safety).to.equal('mutate');
    expect(stricterRow(row('mutate'), row('read')).safety).to.equal('mutate');
    expect(stricterRow(row('semi'), row('once')).safety).to.equal('once');
  });

  it('takes of each setting the stricter: the smaller, of leases the longer', () => {
    const mine = {
      timeoutMs: 1,
      attemptTimeoutMs: 20,
      maxAttempts: 3,
      maxReplayAgeMs: 0,
      leaseMs: 5,
      inactivityTimeoutMs: 7,
      retryRatio: 0.5,
    };
    const theirs = {
      timeoutMs: 10,
      attemptTimeoutMs: 2,
      maxAttempts: 2,
      maxReplayAgeMs: 9,
      leaseMs: 50,
      inactivityTimeoutMs: 6,
      retryRatio: 2,
    };
    const stricter = {
      timeoutMs: 1,
      attemptTimeoutMs: 2,
      maxAttempts: 2,
      maxReplayAgeMs: 0,
      leaseMs: 50,
      inactivityTimeoutMs: 6,
      retryRatio: 0.5,
    };
    expect(stricterRow(row('read', mine), row('read', theirs)).settings).to.deep.equal(stricter);
    expect(stricterRow(row('read', theirs), row('read', mine)).settings).to.deep.equal(stricter);
  });

  it('takes a setting that only one side has, and invents none', () => {
    const settings = { timeoutMs: 5, leaseMs: 0 };
    expect(stricterRow(row('read', settings), row('read')).settings).to.deep.equal(settings);
    expect(stricterRow(row('read'), row('read', settings)).settings).to.deep.equal(settings);
    expect(stricterRow(row('read'), row('read')).settings).to.deep.equal({});
  });
});
