import type { SshDoor } from './contenders/floor/ssh.ts';

/**
 * Where the two ends of a contender meet: a medium, and what that needs. Of `pipe`, `ssh` and
 * `openssh` the client's end starts the server, as a program that serves on stdin and stdout.
 */
export type Place =
  | { readonly medium: 'tcp' }
  | { readonly medium: 'unix'; readonly folder: string }
  | { readonly medium: 'tls'; readonly cert: string; readonly key: string }
  | { readonly medium: 'pipe' }
  | ({ readonly medium: 'ssh'; readonly knownHosts: string } & SshDoor)
  | { readonly medium: 'openssh'; readonly configFile: string };

/** The media that the benchmarks know, in the order of their columns. */
export const media = ['tcp', 'unix', 'tls', 'pipe', 'ssh', 'openssh'] as const;

export type MediumName = (typeof media)[number];

/** The name of the SSH server in the configuration of {@link Place}'s `openssh`. */
export const opensshHost = 'bench';

/** True where the client's end starts the server. */
export function isServedByProgram({ medium }: Place): boolean {
  return medium === 'pipe' || medium === 'ssh' || medium === 'openssh';
}
