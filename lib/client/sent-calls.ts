import type { Outbox } from '../link/outbox.ts';
import type { HandOver } from '../media/ledger.ts';
import type { LinkedCall } from './link-owner.ts';

/** Puts a call into a link's output; it is the one of this place there. */
export function putOut(call: LinkedCall, outbox: Outbox, place: number): void {
  call.sentFrom = outbox.end;
  outbox.push(call.buffer, call.start, call.end);
  if (call.body !== undefined) outbox.pushAll(call.body);
  call.place = place;
}

/** A call comes to a link that was sent on an earlier one. */
export function markSentBefore(call: LinkedCall): void {
  call.place = 0;
  call.sentFrom = 0;
}

/** What is known of a call that was sent on a link, from that link's output. */
export function judgeSent(call: LinkedCall, outbox: Outbox): HandOver {
  if (call.place === 0) return 'handed-over';
  const { sentFrom, byteLength, tailBytes } = call;
  return outbox.judge(sentFrom, sentFrom + byteLength - tailBytes);
}
