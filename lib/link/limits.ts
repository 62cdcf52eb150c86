import { minWindowBytes } from '../streams/stream-receiver.ts';
import { type Check, wholeNumber } from '../util/check.ts';

/** Check of `maxFrameBytes`, which both sides have: from 1 KiB to 1 GiB. */
export const frameBytes: Check = wholeNumber(1024, 1024 * 1024 * 1024);

/** Check of `streamWindowBytes`, which both sides have: from 128 KiB to 1 GiB. */
export const windowBytes: Check = wholeNumber(minWindowBytes, 1024 * 1024 * 1024);

/** While a long message comes in slowly, a client hears something so often, in ms. */
export const lifeSignMs = 500;

/** After our orderly end, how long the far side may take to end too, in ms. */
export const closeTimeoutMs = 2_000;

/** So many answers to pings may wait to leave; whoever pings on is not read, or does not read. */
export const maxPongs = 1_000;

/** Replies may come all at once: when so many times `maxOutgoingBytes` wait, nobody reads them. */
export const cutOffFactor = 16;
