import { createIoredis } from '../support/redis.ts';

/** With `enableAutoPipelining`: what is asked for in one turn of the loop leaves together. */
export const contender = createIoredis('ioredis-pipelining', true);
