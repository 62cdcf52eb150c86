import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type NetConnectOpts, type OnReadOpts, type Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { FrameReader } from './frame-reader.ts';

/** The raw channel of a medium, open. */
export interface FloorChannel {
  readonly readable: Readable;
  readonly writable: Writable;
  /** Starts reading; `lost` is called at an error or the end, maybe more than once. */
  start(reader: FrameReader, lost: (error: Error) => void): void;
  /** Ends it, with everything that belongs to it. */
  close(): Promise<void>;
}

/** What all sockets read into: the bytes are used up before the next read. */
const reused = Buffer.allocUnsafeSlow(256 * 1024);

/** Opens a TCP or Unix socket. */
export async function openSocket(options: NetConnectOpts): Promise<FloorChannel> {
  const input = new SocketInput();
  const { onread } = input;
  const socket = connect({ ...options, noDelay: true, onread } as NetConnectOpts);
  await once(socket, 'connect');
  return input.channelOf(socket);
}

/** Opens a TLS socket to `port` of 127.0.0.1, whose certificate must be `cert`. */
export async function openTls(port: number, cert: string): Promise<FloorChannel> {
  const input = new SocketInput();
  const { onread } = input;
  const options = { host: '127.0.0.1', port, ca: cert, onread };
  const socket = connectTls(options as ConnectionOptions);
  socket.setNoDelay(true);
  await once(socket, 'secureConnect');
  return input.channelOf(socket);
}

/** Reads a socket into one reused buffer, or right into a long frame. */
class SocketInput {
  #reader: FrameReader | undefined;
  readonly onread: OnReadOpts;

  constructor() {
    this.onread = {
      buffer: () => this.#reader?.spare() ?? reused,
      callback: (count, buffer) => {
        if (buffer === reused) this.#reader?.push(reused, count);
        else this.#reader?.spareFilled(count);
        return true;
      },
    };
  }

  channelOf(socket: Socket): FloorChannel {
    return {
      readable: socket,
      writable: socket,
      start: (reader, lost) => {
        this.#reader = reader;
        hear(socket, lost);
      },
      close: () => endSocket(socket),
    };
  }
}

/** Runs a command and talks to its stdin and stdout. */
export async function openChild(command: readonly string[]): Promise<FloorChannel> {
  const [file = '', ...args] = command;
  const child: ChildProcess & { stdin: Writable; stdout: Readable } = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child, 'spawn');
  return streamChannel(child.stdout, child.stdin, async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.stdin.end();
    await exited;
  });
}

/** A channel of streams that hand over the chunks which they have read. */
export function streamChannel(
  readable: Readable,
  writable: Writable,
  close: () => Promise<void>,
): FloorChannel {
  return {
    readable,
    writable,
    start(reader, lost) {
      readable.on('data', (chunk: Buffer) => reader.push(chunk, chunk.length));
      hear(readable, lost);
      writable.on('error', lost);
    },
    close,
  };
}

function hear(readable: Readable, lost: (error: Error) => void): void {
  readable.on('error', lost);
  readable.on('end', () => lost(new Error('Connection ended')));
  readable.on('close', () => lost(new Error('Connection closed')));
}

async function endSocket(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  const closed = once(socket, 'close');
  socket.end();
  await closed;
}
