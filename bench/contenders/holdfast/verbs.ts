import { defineVerbs, type Handlers, read } from 'holdfast';
import { bytesReply, type ObjectReply, objectReply, smallReply } from '../../contender.ts';

export const verbs = defineVerbs({
  small: read<string, string>(),
  bytes: read<string, Uint8Array>(),
  both: read<Uint8Array, Uint8Array>(),
  object: read<string, ObjectReply>(),
});

export const handlers: Handlers<typeof verbs> = {
  small: () => smallReply,
  bytes: () => bytesReply,
  both: () => bytesReply,
  object: () => objectReply,
};
