import { bytesReply, objectReply, smallReply } from '../../contender.ts';
import type { FloorHandler } from './server.ts';

/** The verbs' numbers. */
export const verbs = { small: 0, bytes: 1, both: 2, object: 3 } as const;

export const handlers: readonly FloorHandler[] = [
  () => smallReply,
  () => bytesReply,
  () => bytesReply,
  () => objectReply,
];
