import { inspect } from 'node:util';
import { expect } from 'chai';
import { classification } from '../../lib/client/classify.ts';
import {
  type Circumstances,
  type Decision,
  decide,
  decideExecuted,
} from '../../lib/client/replay.ts';
import { clientDefaults, errorCodes, safeties, serverDefaults } from '../../lib/index.ts';
import { holdfastProtocol } from '../../lib/protocols/holdfast/index.ts';
import { clientPage, errorsPage, section, serverPage, tableIn } from './readme.ts';

/** A default as README writes it. */
function written(name: string, value: unknown): string {
  if (name === 'clock') return "the system's";
  if (name === 'maxQueue') return 'half of `maxConcurrency`';
  if (value === undefined) return 'none';
  if (value === Math.random) return '`Math.random`';
  if (value === holdfastProtocol) return `\`${holdfastProtocol.name}\``;
  if (typeof value === 'object') return `\`${inspect(value)}\``;
  if (typeof value !== 'number') return `\`${JSON.stringify(value)}\``;
  if (name.endsWith('Bytes')) return `${value / 2 ** 20} MiB`;
  if (!name.endsWith('Ms')) return String(value);
  if (value === 0) return 'none';
  return value % 1000 === 0 ? `${value / 1000} s` : `${value} ms`;
}

/** Names and defaults of a table of options. */
function optionRows(page: string): string[][] {
  return tableIn(page, 'option').map(([name = '', value = '']) => [name, value]);
}

function defaultRows(defaults: object): string[][] {
  return Object.entries(defaults).map(([name, value]) => [`\`${name}\``, written(name, value)]);
}

/** An attempt that nothing is known of but that it may have run. */
const handedOver: Omit<Circumstances, 'safety'> = {
  evidence: 'handed-over',
  setting: clientDefaults.replay,
  mayHaveRun: false,
  isTooOld: false,
  hasAttemptsLeft: true,
  isFinalRefusal: false,
  isBusy: false,
  isInputConsumed: false,
  isReplySeen: false,
  canReconcile: false,
  leaseLeftMs: 0,
  timeLeftMs: clientDefaults.timeoutMs,
};

/** The rows of the table of guarantees, and what they mean to the code. */
const events: Readonly<Record<string, Partial<Circumstances>[]>> = {
  'connection lost, the last byte had not left': [
    { evidence: 'untouched' },
    { evidence: 'incomplete' },
  ],
  'the server did not run it: it drains, is busy, or `refuse({ retryAfterMs })`': [
    { evidence: 'refused' },
  ],
  'the server did not run it, for good: `refuse()`, wrong input': [
    { evidence: 'refused', isFinalRefusal: true },
  ],
  'connection lost later, and the server says that it never had it': [{ evidence: 'never' }],
  'the same, and the server says that it runs it, or has its answer': [
    { evidence: 'running' },
    { evidence: 'done' },
  ],
  'the same, and the server does not know: it is another process and no successor by hand-over, or it is too late':
    [{ evidence: 'forgotten' }],
  '`attemptTimeoutMs` over': [{}],
  'the same, and the client\'s `replay` is `"idempotent"`': [{ setting: 'idempotent' }],
  'the same, and the client\'s `replay` is `"read"`': [{ setting: 'read' }],
  'the same, and the client\'s `replay` is `"never"`': [{ setting: 'never' }],
};

/** The rows about answers that are no good: whether what they say passes by itself. */
const answers: Readonly<Record<string, boolean>> = {
  'the handler threw a `transient` error': true,
  'the reply does not pass `accept` or the output schema': classification.output === 'transient',
  'the handler threw anything else, or the reply cannot be decoded': false,
};

/** True for what only the server can say. */
function isVerdict({ evidence }: Partial<Circumstances>): boolean {
  return ['never', 'running', 'done', 'forgotten'].includes(evidence ?? '');
}

/** What the code does, as README writes it. */
function fate(facts: Circumstances, decideSo: (facts: Circumstances) => Decision = decide): string {
  const { action, outcome } = decideSo(facts);
  if (action === 'attach' || action === 'deliver') return 'gets its answer';
  if (action !== 'send-again') return `\`${outcome}\``;
  const late = decideSo({ ...facts, isTooOld: true });
  if (late.action === 'send-again') return 'sent again';
  const seconds = clientDefaults.maxReplayAgeMs / 1000;
  return `sent again for ${seconds} s, then \`${late.outcome}\``;
}

describe("README's tables", () => {
  it('name every option of a client, with its default', () => {
    expect(optionRows(clientPage)).to.deep.equal(defaultRows(clientDefaults));
  });

  it('name every option of a server, with its default', () => {
    const rows = [['`listen`', 'required'], ...defaultRows(serverDefaults)];
    expect(optionRows(serverPage)).to.deep.equal(rows);
  });

  it('name every error, with its meaning', () => {
    const rows = Object.entries(errorCodes).map(([code, meaning]) => [`\`${code}\``, meaning]);
    expect(tableIn(errorsPage, 'code')).to.deep.equal(rows);
  });

  it('name every safety class, from the safest to the strictest', () => {
    const classes = tableIn(section('Guarantees'), 'class').map(([name]) => name);
    expect(classes).to.deep.equal(safeties.map((name) => `\`${name}\``));
  });

  it('say of each event and class what the client does', () => {
    const rows = tableIn(section('Guarantees'), 'event');
    expect(rows.map(([event]) => event)).to.deep.equal(Object.keys({ ...events, ...answers }));
    for (const [event = '', ...cells] of rows) {
      for (const facts of events[event] ?? []) {
        const fates = safeties.map((safety) => {
          // Of reads the server keeps no record: they are not asked for, but sent again.
          const isAsked = safety !== 'read' || !isVerdict(facts);
          return fate({ ...handedOver, safety, ...(isAsked ? facts : {}) });
        });
        expect(cells, event).to.deep.equal(fates);
      }
    }
  });

  it('say of each answer that is no good and each class what the client does', () => {
    const rows = tableIn(section('Guarantees'), 'event').slice(Object.keys(events).length);
    for (const [event = '', ...cells] of rows) {
      const fates = safeties.map((safety) =>
        fate({ ...handedOver, safety }, (facts) =>
          decideExecuted(facts, answers[event] as boolean),
        ),
      );
      expect(cells, event).to.deep.equal(fates);
    }
    expect(classification.decode).to.equal('final');
  });

  it('name in short only what is an option', () => {
    for (const [heading, defaults] of [
      ['Client', clientDefaults],
      ['Server', { listen: undefined, ...serverDefaults }],
    ] as const) {
      const names = tableIn(section(heading), 'option').map(([name]) => name);
      expect(Object.keys(defaults).map((name) => `\`${name}\``)).to.include.members(names);
    }
  });

  it('explain every cell', () => {
    for (const [text, title] of [
      [section('Promises'), 'event'],
      [section('Guarantees'), 'class'],
      [section('Client'), 'option'],
      [section('Server'), 'option'],
      [clientPage, 'option'],
      [serverPage, 'option'],
    ] as const) {
      for (const row of tableIn(text, title)) {
        for (const cell of row) expect(cell, row[0]).not.to.equal('');
      }
    }
  });
});
