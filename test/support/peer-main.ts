import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '../../lib/index.ts';
import { Breaker } from './breaker.ts';
import type { FromPeer, ToPeer } from './peer-process.ts';
import { Executions, verbs } from './verbs.ts';

/**
 * A server in a process of its own, behind breakers that end connections when they are told:
 * `peer-main [HOST [ssh | URL]]`, with an SSH server or another address to listen at.
 */
const [host = '127.0.0.1', more] = process.argv.slice(2);
const executions = new Executions();
const folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
const server = await serve(verbs, executions.handlers(), {
  listen: [
    `tcp://${host}:0`,
    `unix:${join(folder, 'socket')}`,
    ...(more === undefined || more === 'ssh' ? [] : [more]),
  ],
});
const breakers = await Promise.all(server.urls.map((url) => Breaker.before(url)));
const urls = breakers.map(({ url }) => url);
if (more === 'ssh') {
  const { SshServer } = await import('./ssh-server.ts');
  const ssh = await SshServer.listen();
  const breaker = await Breaker.before(`tcp://127.0.0.1:${ssh.port}`);
  breakers.push(breaker);
  const { port } = new URL(breaker.url);
  const knownHosts = join(folder, 'known_hosts');
  writeFileSync(knownHosts, ssh.knownHosts(Number(port)));
  const command = encodeURIComponent(`join ${folder}/socket`);
  urls.push(`ssh://me@127.0.0.1:${port}/?command=${command}&knownHostsFiles=${knownHosts}`);
}

function say(message: FromPeer): void {
  process.send?.(message);
}

process.on('message', (message: ToPeer) => {
  if (message.kind === 'end') {
    setTimeout(() => {
      for (const { lines } of breakers) {
        for (const line of lines.splice(0)) line[message.word]();
      }
    }, message.inMs);
  } else if (message.kind === 'echo') {
    say({ kind: 'echo' });
  } else {
    say({ kind: 'executions', counts: executions.counts() });
  }
});
process.on('disconnect', () => {
  rmSync(folder, { recursive: true, force: true });
  process.exit();
});
say({ kind: 'urls', urls });
