import { type Clock, type Medium, memory, type Timer, tcp } from '../../lib/index.ts';
import { listenerOf, mediumOf } from '../../lib/media/url.ts';
import { FaultMedium, type Faults } from '../../lib/testing/index.ts';
import { describeMedium } from './medium-contract.ts';

let turns = 0;

/** A clock on which every delay is one turn of the event loop: the contract waits by turns too. */
const turning: Clock = {
  now: () => turns,
  setTimer: (callback): Timer => {
    const immediate = setImmediate(() => {
      turns++;
      callback();
    });
    return {
      cancel: () => clearImmediate(immediate),
      // Without it the loop would sleep instead of turning.
      ref: () => {},
      unref: () => {},
    };
  },
  nextTurn: (callback) => {
    setImmediate(callback);
  },
};

const late: Faults = { toServer: { delayMs: 1 }, toClient: { delayMs: 1 } };

for (const [how, plan] of [
  ['without faults', {}],
  ['that delays', late],
] as const) {
  const over = (medium: Medium): Medium => new FaultMedium(medium, { plan, clock: turning });

  describeMedium(`a fault medium ${how}, over memory`, async () => {
    const place = memory('contract');
    return {
      listener: place,
      mediumFor: () => over(place),
      listenerAt: () => place,
      refusedCodes: ['ECONNREFUSED'],
      resetCode: undefined,
      readsInto: false,
    };
  });

  describeMedium(`a fault medium ${how}, over TCP`, async () => ({
    listener: tcp({ port: 0 }),
    mediumFor: (url) => over(mediumOf(url)),
    listenerAt: listenerOf,
    refusedCodes: ['ECONNREFUSED'],
    // What was taken may not have come when the far end goes: then there is nothing unread there.
    resetCode: plan === late ? ['ECONNRESET', undefined] : 'ECONNRESET',
    readsInto: plan !== late,
  }));
}
