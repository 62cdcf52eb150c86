import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from '../../lib/index.ts';
import { exitWith, SshServer } from '../support/ssh-server.ts';
import type { ReaderFolder, Running } from './reader-folder.ts';
import { snippets } from './readme.ts';

/** The host that the documents name. */
const host = 'build.example';

/** Starts a snippet that listens at `notes.sock`, and waits until it does. */
export async function startServer(folder: ReaderFolder, file: string): Promise<Running> {
  const server = folder.node(file);
  await serverListens(folder);
  return server;
}

/** Resolves when a server listens at `notes.sock`. */
async function serverListens(folder: ReaderFolder): Promise<void> {
  const probe = connect(`unix:${folder.path}/notes.sock`, undefined, { reconnectCapMs: 100 });
  await probe.ready();
  await probe.close();
}

/** The tool of the page, with a person at its keyboard. */
export class Tool {
  readonly #running: Running;

  constructor(running: Running) {
    this.#running = running;
  }

  /** Types a line; gives what is answered. */
  async type(text: string): Promise<string> {
    const { child, lines, finished } = this.#running;
    child.stdin.write(`${text}\n`);
    const ended = finished.then(({ errors }) => [errors]);
    const [line] = await Promise.race([once(lines, 'line'), ended]);
    return line as string;
  }

  /** Types no more; gives how the tool ended. */
  async end(): Promise<{ readonly code: number | null; readonly errors: string }> {
    this.#running.child.stdin.end();
    return this.#running.finished;
  }
}

/**
 * A snippet as it is, but for the place of the host: `build.example` is a server of the test's.
 * What else a reader has, i.e. a key and the host in `known_hosts`, is in the home.
 */
export function moveHost(folder: ReaderFolder, file: string, port: number): void {
  const { code = '' } = snippets().find((snippet) => snippet.file === file) ?? {};
  const moved = code
    .replace(`//${host}/`, `//127.0.0.1:${port}/`)
    .replace(`host: '${host}'`, `host: '127.0.0.1', port: ${port}`);
  if (moved === code) throw new Error(`${file} does not name ${host}`);
  folder.write(file, moved);
}

/** A snippet as it is, with the change of one line that the page tells for the system's ssh. */
export function changeToOpenssh(folder: ReaderFolder, change: string): void {
  const { code = '' } = snippets().find(({ file }) => file === 'near.ts') ?? {};
  folder.write('near.ts', code.replace(/^import \{ ssh \} .*$/m, change));
}

/** An SSH server that runs commands in the folder's home, as a shell there does. */
export async function listenForCommands({ home, env }: ReaderFolder): Promise<SshServer> {
  const server = await SshServer.listen();
  server.commands.set('holdfast', (channel, words) => {
    const command = ['holdfast', ...words].join(' ');
    const child = spawn('/bin/sh', ['-c', `exec ${command}`], { cwd: home, env });
    child.stdin.on('error', () => {});
    channel.pipe(child.stdin);
    child.stdout.pipe(channel, { end: false });
    child.stderr.pipe(channel.stderr, { end: false });
    channel.on('close', () => child.stdin.end());
    child.on('close', (code) => {
      if (channel.writable) exitWith(channel, code ?? 255);
    });
  });
  return server;
}
