import type { CallWriter } from '../protocols/protocol.ts';
import type { Call } from './call.ts';
import type { ClientLink } from './client-link.ts';

/** The call goes out on a link: writes down what differs from attempt to attempt, and counts it. */
export function stampAttempt(call: Call, link: ClientLink, now: number, writer: CallWriter): void {
  const { verb } = call;
  if (call.attempts > 0) {
    call.renewHeader();
    verb.figures?.replayed(now);
  } else if (!call.isCopy) {
    link.budget.deposit(now, verb.row.settings.retryRatio);
  }
  call.attempts++;
  call.link = link;
  call.row = verb.row;
  call.isRecorded = verb.isRecorded(call.attempts);
  const isReplay = link.knowsLayers && call.isReplay;
  const remainingMs = call.stream?.remainingMs(now) ?? call.deadlineAt - now;
  writer.stamp(call, verb.index, call.attempts, remainingMs, isReplay);
  call.extras?.attemptAlarm?.set(now + call.extras.attemptTimeoutMs);
}
