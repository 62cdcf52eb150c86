import { expect } from 'chai';
import { HoldfastError } from '../../lib/errors.ts';
import {
  defineVerbs,
  idempotent,
  mutate,
  once,
  read,
  semi,
  type VerbOptions,
} from '../../lib/verbs/define.ts';
import { isSafety, safeties, stricter } from '../../lib/verbs/safety.ts';
import type { StandardSchema } from '../../lib/verbs/schema.ts';
import type { AnyVerb, Verbs } from '../../lib/verbs/verb.ts';

const makers: Readonly<Record<string, () => AnyVerb>> = { read, idempotent, semi, once, mutate };

const schema: StandardSchema<string> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: String(value) }) },
};

describe('verbs', () => {
  it('say their class', () => {
    for (const [safety, make] of Object.entries(makers)) {
      expect(make()).to.deep.equal({
        safety,
        kind: 'unary',
        settings: {},
        input: undefined,
        output: undefined,
        items: undefined,
        sent: undefined,
        accept: undefined,
        hedge: undefined,
        resumeFrom: undefined,
      });
    }
  });

  it('keep their settings and their schemas', () => {
    const settings = { timeoutMs: 5_000, maxAttempts: 3, maxReplayAgeMs: 0, leaseMs: 30_000 };
    const verb = once({ ...settings, attemptTimeoutMs: 100, input: schema, output: schema });
    expect(verb.settings).to.deep.equal({ ...settings, attemptTimeoutMs: 100 });
    expect(verb.input).to.equal(schema);
    expect(verb.output).to.equal(schema);
  });

  it('cannot be changed once they are made', () => {
    const verb = read({ timeoutMs: 1 });
    expect(verb).to.be.frozen;
    expect(verb.settings).to.be.frozen;
    const made = defineVerbs({ verb });
    expect(made).to.be.frozen;
  });

  it('take schemas that are functions', () => {
    const callable = Object.assign(() => {}, schema);
    expect(read({ input: callable }).input).to.equal(callable);
  });

  it('refuse settings that are wrong, with the name of the setting', () => {
    const wrong: readonly [name: string, value: unknown][] = [
      ['timeoutMs', 0],
      ['timeoutMs', '5'],
      ['timeoutMs', 2 ** 31],
      ['attemptTimeoutMs', 0],
      ['maxAttempts', 0],
      ['maxAttempts', 1.5],
      ['maxAttempts', 256],
      ['maxReplayAgeMs', -1],
      ['leaseMs', Number.NaN],
      ['retryRatio', -1],
      ['input', {}],
      ['input', null],
      ['output', () => true],
      ['timeout', 5],
      ['inactivityTimeoutMs', 5],
      ['items', schema],
      ['sent', schema],
      ['resumeFrom', () => {}],
    ];
    for (const [name, value] of wrong) {
      expect(() => mutate({ [name]: value } as VerbOptions), name)
        .to.throw(HoldfastError, `"${name}"`)
        .with.property('code', 'ERR_HOLDFAST_OPTION');
    }
  });
});

describe('verbs with streams', () => {
  const kinds = ['serverStream', 'clientStream', 'duplex'] as const;

  it('say their class and who sends items', () => {
    for (const makers of [read, idempotent, semi, mutate]) {
      const makePlain: () => AnyVerb = makers;
      const plain = makePlain();
      for (const kind of kinds) {
        const make: (options: object) => AnyVerb = makers[kind];
        const { safety, settings, ...rest } = make({ timeoutMs: 5, inactivityTimeoutMs: 6 });
        expect(safety).to.equal(plain.safety);
        expect(settings).to.deep.equal({ timeoutMs: 5, inactivityTimeoutMs: 6 });
        expect(rest.kind).to.equal(kind);
        expect(Object.keys(rest)).to.have.members(
          Object.keys(read()).filter((name) => name !== 'safety' && name !== 'settings'),
        );
      }
    }
  });

  it('keep their schemas, and how they go on', () => {
    const resumeFrom = (input: string): string => input;
    const watch = read.serverStream({ input: schema, items: schema, resumeFrom });
    expect(watch).to.include({ input: schema, items: schema, output: undefined, resumeFrom });
    const upload = semi.clientStream({ input: schema, sent: schema, output: schema });
    expect(upload).to.include({ input: schema, sent: schema, output: schema, items: undefined });
    const chat = mutate.duplex({ input: schema, sent: schema, items: schema });
    expect(chat).to.include({ input: schema, sent: schema, items: schema, output: undefined });
    expect(chat).to.be.frozen;
    expect(chat.settings).to.be.frozen;
  });

  it('refuse what they cannot have', () => {
    type Wrong = readonly [make: (options: object) => AnyVerb, name: string, value: unknown];
    const wrong: readonly Wrong[] = [
      ...kinds.flatMap((kind): Wrong[] => [
        [read[kind], 'attemptTimeoutMs', 5],
        [read[kind], 'accept', () => true],
        [read[kind], 'hedge', { afterMs: 1 }],
        [read[kind], 'timeoutMs', 0],
        [read[kind], 'inactivityTimeoutMs', 0],
        [read[kind], 'input', {}],
        [read[kind], 'timeout', 5],
      ]),
      [read.serverStream, 'sent', schema],
      [read.serverStream, 'output', schema],
      [read.serverStream, 'resumeFrom', 5],
      [read.clientStream, 'items', schema],
      [read.duplex, 'output', schema],
      [mutate.serverStream, 'resumeFrom', () => {}],
      [read.duplex, 'resumeFrom', () => {}],
    ];
    for (const [make, name, value] of wrong) {
      expect(() => make({ [name]: value }), name)
        .to.throw(HoldfastError, `"${name}"`)
        .with.property('code', 'ERR_HOLDFAST_OPTION');
    }
  });

  it('are not of the class "once", whose answers are recorded', () => {
    for (const kind of kinds) {
      const make: () => AnyVerb = (once as unknown as typeof mutate)[kind];
      expect(() => make())
        .to.throw(HoldfastError, `once.${kind}() cannot be`)
        .with.property('code', 'ERR_HOLDFAST_REGISTRY');
    }
  });
});

describe('defineVerbs', () => {
  it('takes names of letters, digits and a few signs', () => {
    const names = ['get', 'a', '_', '$x', 'file.read', 'v1/get', 'a-b', 'ns:verb', 'x'.repeat(128)];
    for (const name of names) {
      expect(Object.keys(defineVerbs({ [name]: read() }))).to.deep.equal([name]);
    }
  });

  it('refuses names that would be mistaken for something else', () => {
    const names = ['', '1st', 'a b', 'ä', 'x'.repeat(129), 'a\n', '-a', '.a', 'then'];
    const inherited = ['toString', 'constructor', 'hasOwnProperty', 'valueOf', '__proto__'];
    for (const name of [...names, ...inherited]) {
      const verbs = Object.defineProperty({}, name, { value: read(), enumerable: true });
      expect(() => defineVerbs(verbs as Verbs), name)
        .to.throw(HoldfastError, 'cannot be used')
        .that.includes({ code: 'ERR_HOLDFAST_REGISTRY', final: true });
    }
  });

  it('refuses what no maker has made', () => {
    for (const wrong of [undefined, null, 'read', {}, read, { safety: 'read' }]) {
      expect(() => defineVerbs({ get: wrong as unknown as AnyVerb }))
        .to.throw(HoldfastError, 'Verb "get" must be made by')
        .with.property('code', 'ERR_HOLDFAST_REGISTRY');
    }
  });

  it('does not follow changes of the object that it was given', () => {
    const given: Record<string, AnyVerb> = { get: read() };
    const verbs = defineVerbs(given);
    given['get'] = mutate();
    given['more'] = read();
    expect(verbs['get']?.safety).to.equal('read');
    expect(Object.keys(verbs)).to.deep.equal(['get']);
  });
});

describe('classes', () => {
  it('go from the safest to the strictest, and the stricter wins', () => {
    expect(safeties).to.deep.equal(['read', 'idempotent', 'semi', 'once', 'mutate']);
    for (const [one, safety] of safeties.entries()) {
      for (const [other, another] of safeties.entries()) {
        expect(stricter(safety, another)).to.equal(safeties[Math.max(one, other)]);
      }
    }
  });

  it('are told from anything else', () => {
    for (const safety of safeties) expect(isSafety(safety)).to.equal(true);
    for (const other of ['', 'READ', 'never', 0, null, undefined, ['read'], {}]) {
      expect(isSafety(other)).to.equal(false);
    }
  });
});
