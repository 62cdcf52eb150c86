import type { LinkContext } from './link-owner.ts';

/**
 * Whether a link is pinged before it is written to. Behind a silence that its path may not outlive,
 * it is for a call that must not be repeated, and for every call that no heartbeat can watch over
 * while it waits.
 *
 * @param room so many calls would be sent
 */
export function mustVerify<Link>(
  silentMs: number,
  room: number,
  { idleLife, options, owner, protocol }: LinkContext<Link>,
): boolean {
  const { heartbeatMs, verifyAfterMs } = options;
  const isMute = protocol.answersPings === 'when-idle';
  if (isMute && silentMs > idleLife.verifyAfterMs(heartbeatMs)) return true;
  return silentMs > idleLife.verifyAfterMs(verifyAfterMs) && owner.hasUnsafeNext(room);
}
