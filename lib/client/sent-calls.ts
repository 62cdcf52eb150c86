import type { Outbox } from '../link/outbox.ts';
import type { HandOver } from '../media/ledger.ts';
import type { LinkedCall } from './link-owner.ts';

/** Puts a call into a link's output; it is the one of this place there. */
export function putOut(call: LinkedCall, outbox: Outbox, place: number): void {
  outbox.push(call.buffer, call.start, call.end);
  if (call.body !== undefined) outbox.pushAll(call.body);
  call.sentTo = outbox.end - call.tailBytes;
  call.place = place;
}

/** A call comes to a link that was sent on an earlier one. */
export function markSentBefore(call: LinkedCall): void {
  call.place = 0;
  call.sentTo = 0;
}

/**
 * What is known of a call that was sent on a link, from that link's output. Whether the server may have
 * run it hangs on the end alone, which was noted when it was put out: the application has the memory of
 * a long input, and may change its length.
 */
export function judgeSent({ sentTo, byteLength, tailBytes }: LinkedCall, outbox: Outbox): HandOver {
  return outbox.judge(sentTo + tailBytes - byteLength, sentTo);
}
