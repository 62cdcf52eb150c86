import { createNats } from '../support/nats.ts';

/** A request takes a second at most, as nobody has told it otherwise. */
export const contender = createNats('nats');
