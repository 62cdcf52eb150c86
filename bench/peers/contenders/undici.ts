import { createUndici } from '../support/http.ts';

/** HTTP/1.1 with keep-alive, as many connections as calls, as most programs have it. */
export const contender = createUndici('undici', { connections: 64, pipelining: 1 });
