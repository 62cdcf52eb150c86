import type { Channel, HoldfastError } from '../../lib/index.ts';
import { type SshOptions, ssh } from '../../lib/media/ssh.ts';
import { failureOf } from './failure.ts';
import type { SshServer } from './ssh-server.ts';

/** Options that differ from the usual ones; undefined takes one away. */
export type Extra = { readonly [Name in keyof SshOptions]?: SshOptions[Name] | undefined };

/** What reaches a server that lets everybody in; `extra` changes it. */
export function optionsFor(server: SshServer, extra: Extra = {}): SshOptions {
  const { knownHostsFiles } = extra;
  const isForwarding = extra.forwardTo !== undefined;
  return {
    host: '127.0.0.1',
    port: server.port,
    user: 'me',
    agent: false,
    ...(isForwarding ? {} : { command: 'cat' }),
    ...(knownHostsFiles === undefined ? { knownHosts: server.knownHosts() } : {}),
    ...extra,
  } as SshOptions;
}

/** Dials once; the channel is not started. */
export function dial(server: SshServer, extra?: Extra): Promise<Channel> {
  return ssh(optionsFor(server, extra)).dial(new AbortController().signal);
}

/** Dials once, which must fail with an error of this package. */
export function dialFailure(server: SshServer, extra?: Extra): Promise<HoldfastError> {
  return failureOf(dial(server, extra));
}
