import { createIoredis } from '../support/redis.ts';

/** As it comes. */
export const contender = createIoredis('ioredis', false);
