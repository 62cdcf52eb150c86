import { type ErrorCode, type HoldfastError, isHoldfastError, messageOf } from '../errors.ts';
import { durationText } from './durations.ts';
import { harmless, type Paint } from './terminal.ts';

/** What can be done, by what went wrong. */
const advice: Partial<Record<ErrorCode, string>> = {
  ERR_HOLDFAST_DIAL: 'Is the server running, and is this its address?',
  ERR_HOLDFAST_HANDSHAKE_TIMEOUT: 'Something listens there; is it a holdfast server?',
  ERR_HOLDFAST_PROTOCOL: 'Something listens there; is it a holdfast server?',
  ERR_HOLDFAST_VERSION: 'One of the two sides must be brought up to date',
  ERR_HOLDFAST_UNAUTHENTICATED: 'Name them: --credentials env:NAME or --credentials file:PATH',
  ERR_HOLDFAST_UNKNOWN_VERB: 'holdfast verbs URL lists what the server has',
  ERR_HOLDFAST_INPUT: "Give it the input that the server's schema asks for",
  ERR_HOLDFAST_DEADLINE: 'More time: --timeout TIME',
  ERR_HOLDFAST_LISTEN: 'Another process may have the address; port 0 takes a free one',
  ERR_HOLDFAST_KEY_REUSED: 'Another input needs another --key',
};

/** An error as people read it: what happened, what is known, what can be done. */
export function explain(error: unknown, hasOutcome: boolean, paint: Paint): string {
  const lines = [`holdfast: ${paint('red', harmless(messageOf(error)))}`];
  if (!isHoldfastError(error)) return lines.join('\n');
  const { outcome, verb, attempts, retryAfterMs, remote } = error;
  for (const line of stackOf(error)) lines.push(paint('dim', `  ${harmless(line)}`));
  if (remote !== undefined && remote.code !== '') lines.push(`  code: ${harmless(remote.code)}`);
  if (remote?.data !== undefined) lines.push(`  data: ${harmless(JSON.stringify(remote.data))}`);
  for (const { number, phase, evidence, why } of attempts) {
    lines.push(paint('dim', `  attempt ${number}: ${phase}, ${evidence}: ${harmless(why)}`));
  }
  if (hasOutcome && verb !== undefined) lines.push(`  outcome: ${paint('bold', outcome)}`);
  if (retryAfterMs !== undefined) {
    lines.push(`  The server asks to wait for ${durationText(retryAfterMs)}`);
  }
  if (hasOutcome && outcome === 'unknown') {
    lines.push('  It may have run: look before you make it again');
  }
  const hint = adviceFor(error);
  if (hint !== undefined) lines.push(`  ${hint}`);
  return lines.join('\n');
}

/** Where the fault in somebody's module is. */
function stackOf({ code, cause }: HoldfastError): readonly string[] {
  if (code !== 'ERR_HOLDFAST_REGISTRY' || !(cause instanceof Error)) return [];
  return (cause.stack ?? '').split('\n').slice(0, 6);
}

function adviceFor({ code, outcome, attempts }: HoldfastError): string | undefined {
  const isUnreached = outcome === 'not-executed' && attempts.length === 0;
  if (code === 'ERR_HOLDFAST_DEADLINE' && isUnreached) return advice.ERR_HOLDFAST_DIAL;
  return advice[code];
}

/** An error as machines read it: one object. */
export function errorObject(error: unknown): Record<string, unknown> {
  if (!isHoldfastError(error)) return { message: messageOf(error) };
  const { code, message, outcome, verb, attempts, final, retryAfterMs, remote } = error;
  return { code, message, outcome, verb, final, retryAfterMs, remote, attempts };
}
