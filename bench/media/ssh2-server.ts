import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import ssh2, { type AuthContext, type Connection, type ServerChannel } from 'ssh2';

/** An SSH server by ssh2, for machines without sshd: it runs commands, with the keys of a folder. */
export async function startSsh2Server(
  folder: string,
): Promise<{ port: number; close: () => Promise<void> }> {
  const userKey = ssh2.utils.parseKey(readFileSync(join(folder, 'user.pub')));
  if (userKey instanceof Error) throw userKey;
  const admit = (context: AuthContext): void => {
    if (context.method !== 'publickey' || !userKey.getPublicSSH().equals(context.key.data)) {
      context.reject(['publickey']);
    } else if (
      context.signature === undefined ||
      userKey.verify(context.blob as Buffer, context.signature) === true
    ) {
      context.accept();
    } else {
      context.reject(['publickey']);
    }
  };
  const onClient = (client: Connection): void => {
    client.on('error', () => {});
    client.on('authentication', admit);
    client.on('session', (accept) => {
      accept().on('exec', (acceptCommand, _reject, { command }) => run(command, acceptCommand()));
    });
  };
  const hostKeys = [readFileSync(join(folder, 'host'))];
  const ssh = new ssh2.Server({ hostKeys }, onClient);
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    ssh.injectSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function run(command: string, channel: ServerChannel): void {
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], { stdio: ['pipe', 'pipe', 'inherit'] });
  for (const stream of [channel, child.stdin]) stream.on('error', () => {});
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.on('exit', (code) => {
    if (!channel.writable) return;
    channel.exit(code ?? 1);
    channel.end();
  });
  channel.on('close', () => child.kill());
}
