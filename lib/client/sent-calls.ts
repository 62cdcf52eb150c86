import type { Outbox } from '../link/outbox.ts';
import type { LinkedCall } from './link-owner.ts';

/** Puts a call into a link's output; it is the one of this place there. */
export function putOut(call: LinkedCall, outbox: Outbox, place: number): void {
  call.sentFrom = outbox.end;
  outbox.push(call.buffer, call.start, call.end);
  if (call.body !== undefined) outbox.pushAll(call.body);
  call.sentTo = outbox.end - call.tailBytes;
  call.place = place;
}

/** A call comes to a link that was sent on an earlier one. */
export function markSentBefore(call: LinkedCall): void {
  call.place = 0;
  call.sentFrom = 0;
  call.sentTo = 0;
}
