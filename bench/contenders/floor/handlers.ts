import { bytesReply, smallReply } from '../../contender.ts';
import type { FloorHandler } from './server.ts';

/** The verbs' numbers. */
export const verbs = { small: 0, bytes: 1 } as const;

export const handlers: readonly FloorHandler[] = [() => smallReply, () => bytesReply];
