import { defineVerbs, type Handlers, read } from 'holdfast';
import { bytesReply, smallReply } from '../../contender.ts';

export const verbs = defineVerbs({
  small: read<string, string>(),
  bytes: read<string, Uint8Array>(),
});

export const handlers: Handlers<typeof verbs> = {
  small: () => smallReply,
  bytes: () => bytesReply,
};
