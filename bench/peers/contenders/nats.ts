import { createNats } from '../support/nats.ts';

/** With time for thousands of calls on a busy machine; see nats-as-it-is.ts. */
export const contender = createNats('nats', { timeout: 30_000 });
