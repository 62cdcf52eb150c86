import { createUndici } from '../support/http.ts';

/** HTTP/1.1 on one connection, with pipelining. */
export const contender = createUndici('undici-pipelining', { connections: 1, pipelining: 1_000 });
