import net from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { HoldfastError, messageOf } from '../errors.ts';
import { socketAddressOf } from '../media/url.ts';

/** What a bridge joins a socket with: usually the process's own stdin and stdout. */
export interface BridgeEnds {
  readonly input: Readable;
  readonly output: Writable;
}

/**
 * Joins a byte stream to a local socket, so that a server that outlives an SSH connection is reached
 * through it: `ssh host holdfast bridge unix:/run/app.sock`. Each direction ends by itself when its
 * source ends, and waits when its sink is slow. Resolves when both have ended.
 *
 * Rejects with `ERR_HOLDFAST_DIAL` when nobody listens at `url` (`tcp://host:port` or
 * `unix:/path`), and with `ERR_HOLDFAST_LOST` when a direction breaks.
 */
export async function bridge(url: string, { input, output }: BridgeEnds): Promise<void> {
  const socket = await connected(url);
  await new Promise<void>((resolve, reject) => {
    const broken = (what: string) => (error: Error) => {
      socket.destroy();
      input.destroy();
      const message = `The bridge's ${what} broke: ${messageOf(error)}`;
      reject(new HoldfastError('ERR_HOLDFAST_LOST', message, { cause: error }));
    };
    input.on('error', broken('input'));
    output.on('error', broken('output'));
    socket.on('error', broken('socket'));
    // Over SSH only the end of this process tells the far side that the server has gone.
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      input.destroy();
      output.end(resolve);
    });
    input.pipe(socket);
    socket.pipe(output, { end: false });
  });
}

function connected(url: string): Promise<net.Socket> {
  const address = socketAddressOf(url);
  return new Promise((resolve, reject) => {
    const socket = net.connect({
      ...address,
      allowHalfOpen: true,
      noDelay: true,
    } as net.NetConnectOpts);
    socket.once('error', (cause) => {
      const message = `Cannot connect to ${url}: ${messageOf(cause)}`;
      reject(new HoldfastError('ERR_HOLDFAST_DIAL', message, { cause }));
    });
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}
