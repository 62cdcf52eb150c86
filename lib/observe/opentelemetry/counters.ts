import type { Attributes, Meter, ObservableCounter } from '@opentelemetry/api';
import type { Tally } from '../figures.ts';
import type { Route } from '../routes.ts';
import { aboutVerb } from './conventions.ts';

/** Who has figures. */
interface WithRoutes {
  routes(): readonly Route[];
}

const descriptions: Readonly<Partial<Record<keyof Tally, readonly [string, string, string]>>> = {
  attempts: ['attempts', '{attempt}', 'Attempts that ended'],
  failedAttempts: ['failed_attempts', '{attempt}', 'Attempts that ended without a reply'],
  replays: ['replays', '{attempt}', "Attempts that were not their call's first"],
  refusals: ['refusals', '{attempt}', 'Attempts that the server refused to run'],
  budgetRefusals: [
    'budget_refusals',
    '{call}',
    'Calls that were not sent again because the retry budget was empty',
  ],
  unknownOutcomes: [
    'unknown_outcomes',
    '{call}',
    'Failed calls of which nobody knows whether they ran',
  ],
};

/** Lets what is counted for `routes()` be collected as counters; gives what ends that. */
export function countRoutes(meter: Meter, prefix: string, of: WithRoutes): () => void {
  const counters = Object.entries(descriptions).map(([figure, [name, unit, description]]) => ({
    figure: figure as keyof Tally,
    counter: meter.createObservableCounter(`${prefix}.${name}`, { unit, description }),
  }));
  const observables = counters.map(({ counter }) => counter);
  const observe = (result: BatchResult): void => {
    for (const { verb, total } of of.routes()) {
      const attributes = aboutVerb(verb);
      for (const { figure, counter } of counters) {
        result.observe(counter, total[figure], attributes);
      }
    }
  };
  meter.addBatchObservableCallback(observe, observables);
  return () => meter.removeBatchObservableCallback(observe, observables);
}

interface BatchResult {
  observe(counter: ObservableCounter, value: number, attributes: Attributes): void;
}
