import type { Command } from './command.ts';

/** A command as it is listed; the rest is loaded when it is used. */
export interface Listed {
  readonly summary: string;
  load(): Promise<Command>;
}

/** The commands, by name. */
export const commands: Readonly<Record<string, Listed>> = {
  call: {
    summary: 'makes a call and prints its reply',
    load: async () => (await import('./commands/call.ts')).call,
  },
  verbs: {
    summary: 'lists the verbs of a server, with class and settings',
    load: async () => (await import('./commands/verbs.ts')).verbs,
  },
  ping: {
    summary: 'measures round trips, and how long the path may be idle',
    load: async () => (await import('./commands/ping.ts')).ping,
  },
  top: {
    summary: 'shows what servers do, verb by verb, as it happens',
    load: async () => (await import('./commands/top.ts')).top,
  },
  serve: {
    summary: 'serves the verbs of a module',
    load: async () => (await import('./commands/serve.ts')).serveModule,
  },
  bzr: {
    summary: 'shows the last revisions and the tags of a Bazaar branch',
    load: async () => (await import('./commands/bzr.ts')).bzrCommand,
  },
  bridge: {
    summary: 'joins stdin and stdout to a local server',
    load: async () => (await import('./commands/bridge.ts')).bridgeCommand,
  },
};
