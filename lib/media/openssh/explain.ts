import { HoldfastError } from '../../errors.ts';
import type { ChildEnd } from '../child-channel.ts';
import { remoteExitError } from '../remote-exit.ts';

/** ssh's own exit code; also when a signal killed the remote command. */
const sshFailed = 255;

/** What ssh says on stderr when it fails, what that means, and whether trying again can help. */
const reasons: readonly (readonly [text: RegExp, what: string, isFinal: boolean])[] = [
  [
    /host key verification failed|remote host identification has changed|no \S+ host key is known/i,
    'does not trust the host key of',
    true,
  ],
  [
    /: permission denied \([^)]*\)|too many authentication failures|no more authentication methods/i,
    'was not let in by',
    true,
  ],
  [/unable to negotiate with/i, 'has no algorithm in common with', true],
  [
    /bad configuration option|terminating, \d+ bad configuration|bad owner or permissions|can't open user config file|cannot execute command-line|unknown option|illegal option|usage: ssh/i,
    'cannot use its options or its configuration for',
    true,
  ],
  [/could not resolve hostname/i, 'cannot find the host of', false],
  [/connection refused/i, 'was refused by', false],
  [/timeout, server .* not responding/i, 'got no sign of life any more from', false],
  [/connection timed out|operation timed out/i, 'got no answer in time from', false],
  [/no route to host|network is unreachable|host is down/i, 'has no way to', false],
  [
    /connection (?:to .* )?(?:closed|reset)|broken pipe|kex_exchange_identification|banner exchange|client_loop|connection aborted/i,
    'lost the connection to',
    false,
  ],
];

/** Why an ssh process ended, as an error; undefined for an orderly end. */
export function explainOpensshEnd(end: ChildEnd, address: string): HoldfastError | undefined {
  const { code, signal, hasServed, stderr } = end;
  const errorCode = hasServed ? 'ERR_HOLDFAST_LOST' : 'ERR_HOLDFAST_DIAL';
  const said = stderr.suffix;
  if (signal !== undefined) {
    const message = `The ssh process of ${address} was killed by ${signal}${said}`;
    return new HoldfastError(errorCode, message);
  }
  if (code === undefined) {
    const message = `The ssh process of ${address} closed its output and did not end${said}`;
    return new HoldfastError(errorCode, message);
  }
  if (code !== sshFailed) return remoteExitError({ code, signal }, hasServed, address, stderr);
  const [, what, isFinal] = reasons.find(([text]) => text.test(stderr.text)) ?? [];
  if (what === undefined) {
    const message = `ssh lost the connection to ${address}, or its command was killed (exit code 255)${said}`;
    return new HoldfastError(errorCode, message);
  }
  // A command that has served can have written the same words to its own stderr.
  const final = isFinal === true && !hasServed;
  return new HoldfastError(errorCode, `ssh ${what} ${address}${said}`, { final });
}
