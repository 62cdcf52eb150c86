import { once } from 'node:events';
import { connect } from 'node:net';
import ssh2, { type ClientChannel } from 'ssh2';
import { type FloorChannel, streamChannel } from './channel.ts';

/** Where an SSH server is, and what it wants. */
export interface SshDoor {
  readonly port: number;
  readonly user: string;
  readonly privateKey: string;
  /** The host's public key, in SSH's own form and base64. */
  readonly hostKey: string;
}

/** Runs a command at an SSH server of 127.0.0.1, by ssh2, and talks to its stdin and stdout. */
export async function openSsh(door: SshDoor, command: string): Promise<FloorChannel> {
  const client = new ssh2.Client();
  const sock = connect({ host: '127.0.0.1', port: door.port, noDelay: true });
  client.connect({
    sock,
    username: door.user,
    privateKey: door.privateKey,
    hostVerifier: (key: Buffer) => key.toString('base64') === door.hostKey,
  });
  await once(client, 'ready');
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    client.exec(command, (error, opened) => (error ? reject(error) : resolve(opened)));
  });
  const write = channel.write.bind(channel) as (chunk: Uint8Array) => boolean;
  // ssh2 makes several small writes of each packet.
  channel.write = (chunk: Uint8Array): boolean => {
    sock.cork();
    try {
      return write(chunk);
    } finally {
      sock.uncork();
    }
  };
  return streamChannel(channel, channel, async () => {
    const closed = once(sock, 'close');
    channel.end();
    await once(channel, 'close');
    client.end();
    await closed;
  });
}
