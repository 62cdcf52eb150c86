import type { ClientOptions } from '../../lib/index.ts';

/** For a test that sends calls again more often than the default budget bears, about something else. */
export const ampleBudget = { reserve: 10 } as const satisfies ClientOptions['retryBudget'];
