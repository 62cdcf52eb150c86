import { expect } from 'chai';
import { defineVerbs, idempotent, memory } from '../../lib/index.ts';
import {
  type CheckedApplication,
  type CheckVerbsOptions,
  type Course,
  checkVerbs,
  FaultMedium,
  type FaultMediumOptions,
  type Faults,
  type RandomFaultsOptions,
  randomFaults,
} from '../../lib/testing/index.ts';
import { expectFailure, failureOf } from '../support/failing.ts';

const place = memory('options');

const wrongFaults: readonly (readonly [faults: unknown, text: string])[] = [
  [{ refused: true }, 'Unknown fault "refused"; did you mean "refuse"?'],
  [{ refuse: 'yes' }, 'Option "refuse" must be a boolean or an error, got "yes"'],
  [{ hang: 1 }, 'Option "hang" must be a boolean'],
  [{ dialMs: -1 }, 'Option "dialMs" must be a number of milliseconds'],
  [{ toServer: { delay: 1 } }, 'Unknown course option "delay"; did you mean "delayMs"?'],
  [{ toServer: { bytesPerMs: 0 } }, 'Option "bytesPerMs" must be a number from'],
  [{ toClient: { cut: {} } }, 'Option "afterBytes" must be a whole number from 0'],
  [{ toClient: { cut: { afterBytes: 1, as: 'rts' } } }, 'one of "fin", "rst", "stall", got "rts"'],
  [{ toClient: { cut: { afterBytes: 1, report: true } } }, 'one of "failed", "ok", "never"'],
  [null, 'fault must be an object, got null'],
];

describe('The options of a fault medium', () => {
  for (const [faults, text] of wrongFaults) {
    it(`refuse faults: ${text}`, async () => {
      const given = faults as Faults;
      await expectFailure(() => new FaultMedium(place).next(given), 'ERR_HOLDFAST_OPTION', text);
      const options = { plan: given };
      await expectFailure(() => new FaultMedium(place, options), 'ERR_HOLDFAST_OPTION', text);
      const medium = new FaultMedium(place, { plan: () => given });
      const dial = medium.dial(new AbortController().signal);
      await expectFailure(dial, 'ERR_HOLDFAST_OPTION', text);
    });
  }

  it('refuse what is no medium, and what they do not know', async () => {
    const make = (medium: unknown, options?: unknown) => () =>
      new FaultMedium(medium as typeof place, options as FaultMediumOptions);
    const code = 'ERR_HOLDFAST_OPTION';
    await expectFailure(make('tcp:'), code, 'Option "medium" must be an object, got "tcp:"');
    await expectFailure(make({}), code, 'Option "medium" must have the method dial()');
    await expectFailure(make(place, { sede: 1 }), code, 'did you mean "seed"?');
    await expectFailure(make(place, { clock: {} }), code, 'must have the method now()');
    await expectFailure(make(place, { bufferBytes: -1 }), code, 'Option "bufferBytes" must');
  });

  it('refuse a course that is none, on a connection that is open', async () => {
    const listening = await place.listen((channel) =>
      channel.start({ onBytes() {}, onClosed() {} }),
    );
    const faults = new FaultMedium(place);
    const channel = await faults.dial(new AbortController().signal);
    channel.start({ onBytes() {}, onClosed() {} });
    const course = { delayMs: '5' } as unknown as Course;
    const error = await failureOf(() => faults.last.set('toServer', course));
    expect(error).to.include({ code: 'ERR_HOLDFAST_OPTION' });
    faults.destroy();
    await listening.close();
  });

  it('refuse shares of random faults that cannot be', async () => {
    const code = 'ERR_HOLDFAST_OPTION';
    const make = (options: unknown) => () => randomFaults(options as RandomFaultsOptions);
    await expectFailure(make({ rst: 2 }), code, 'Option "rst" must be a number from 0 to 1');
    await expectFailure(make({ rts: 1 }), code, 'Unknown random faults option "rts"');
    await expectFailure(make({ rst: 0.6, fin: 0.6 }), code, 'must be 1 at most together, got 1.2');
    await expectFailure(make({ withinBytes: 0 }), code, 'Option "withinBytes" must');
  });
});

describe('The options of the check of verbs', () => {
  const verbs = defineVerbs({ put: idempotent<string>() });
  const setup = (): CheckedApplication<typeof verbs> => ({
    snapshot: () => 0,
    handlers: { put: () => {} },
  });

  for (const [options, code, text] of [
    [{}, 'ERR_HOLDFAST_OPTION', 'Option "setup" must be a function, got undefined'],
    [{ setup, input: {} }, 'ERR_HOLDFAST_OPTION', 'did you mean "inputs"?'],
    [{ setup, inputs: { putt: ['a'] } }, 'ERR_HOLDFAST_OPTION', 'did you mean "put"?'],
    [{ setup, inputs: { put: [] } }, 'ERR_HOLDFAST_OPTION', 'must be examples or a function'],
    [{ setup, inputs: { put: 'a' } }, 'ERR_HOLDFAST_OPTION', 'must be examples or a function'],
    [
      { setup, inputs: { put: [() => 1] } },
      'ERR_HOLDFAST_OPTION',
      'An input of "put" must be plain',
    ],
    [{ setup, rounds: -1 }, 'ERR_HOLDFAST_OPTION', 'Option "rounds" must'],
    [
      { setup: () => ({ ...setup(), snapshot: () => () => 1 }) },
      'ERR_HOLDFAST_OPTION',
      'A snapshot must be plain data',
    ],
    [{ setup: () => ({ handlers: {} }) }, 'ERR_HOLDFAST_REGISTRY', 'Verb "put" needs a handler'],
  ] as const) {
    it(`refuses what cannot be tried: ${text}`, async () => {
      const given = options as unknown as CheckVerbsOptions<typeof verbs>;
      await expectFailure(checkVerbs(verbs, given), code, text);
    });
  }
});
