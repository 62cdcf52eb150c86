import net, { type AddressInfo, type Socket } from 'node:net';
import {
  type BzrArgument,
  type BzrValue,
  decodeValue,
  encodeList,
} from '../../lib/protocols/bzr/bencode.ts';
import { marker } from '../../lib/protocols/bzr/message-decoder.ts';
import { bodyOf } from '../../lib/protocols/bzr/verbs.ts';

/** A part of a message: its kind, its length, its bytes. */
export function part(kind: string, bytes: Uint8Array | string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(bytes));
  return Buffer.concat([Buffer.from(kind), length, Buffer.from(bytes)]);
}

/** A message of these parts. */
export function messageOf(...parts: readonly (Uint8Array | string)[]): Buffer {
  return Buffer.concat([marker, part('', 'de'), ...parts.map((one) => Buffer.from(one))]);
}

/** A successful answer, or with `E` an error. */
export function answerOf(
  args: readonly BzrArgument[],
  { status = 'S', body = [] }: { status?: 'S' | 'E'; body?: readonly (Uint8Array | string)[] } = {},
): Buffer {
  const parts = [`o${status}`, part('s', encodeList(args)), ...body.map((one) => part('b', one))];
  return messageOf(...parts, 'e');
}

/** A request as it arrived. */
export interface PeerRequest {
  readonly verb: string;
  readonly args: readonly string[];
  readonly body: string;
}

/**
 * A server that reads and acts as Bazaar's does: a verb without a body runs as soon as its arguments
 * are there, whether the end marker comes or not; what is read together with the end of a request is
 * not seen. The versions that links ask for are answered; what else is answered is said by `answer`.
 */
export class BzrPeer {
  /** What was executed, in order. */
  readonly executed: PeerRequest[] = [];
  readonly sockets: Socket[] = [];
  hellos = 0;
  /** Bytes that came together with the end of another request. */
  unseenBytes = 0;
  answer: (request: PeerRequest, socket: Socket) => Buffer | undefined = () => answerOf(['ok']);
  readonly #server: net.Server = net.createServer({ noDelay: true }, (socket) =>
    this.#serve(socket),
  );

  static async start(): Promise<BzrPeer> {
    const peer = new BzrPeer();
    await new Promise<void>((resolve) => peer.#server.listen(0, '127.0.0.1', resolve));
    return peer;
  }

  get url(): string {
    return `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The connection that was made last. */
  get last(): Socket {
    return this.sockets.at(-1) as Socket;
  }

  /** How often something was executed. */
  count(verb: string): number {
    return this.executed.filter((request) => request.verb === verb).length;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.sockets.push(socket);
    let bytes = Buffer.alloc(0);
    let hasRun = false;
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const read = parse(bytes);
      if (read === undefined) return;
      const { request, endsAt } = read;
      const isWhole = endsAt !== undefined;
      if (!hasRun && (isWhole || bodyOf(request.verb) !== 'bytes')) {
        hasRun = true;
        this.#run(request, socket);
      }
      if (!isWhole) return;
      this.unseenBytes += bytes.length - endsAt;
      hasRun = false;
      bytes = Buffer.alloc(0);
    });
  }

  #run(request: PeerRequest, socket: Socket): void {
    if (request.verb === 'hello') {
      this.hellos++;
      socket.write(answerOf(['ok', '2']));
      return;
    }
    this.executed.push(request);
    const answer = this.answer(request, socket);
    if (answer !== undefined) socket.write(answer);
  }
}

/** What has come of a request, once its arguments are there, and where it ends if it does. */
function parse(bytes: Buffer): { request: PeerRequest; endsAt: number | undefined } | undefined {
  const headers = marker.length + 4;
  if (bytes.length < headers) return undefined;
  let position = headers + bytes.readUInt32BE(marker.length);
  let words: string[] | undefined;
  const body: Buffer[] = [];
  const requestOf = ([verb = '', ...args]: string[]): PeerRequest => ({
    verb,
    args,
    body: Buffer.concat(body).toString(),
  });
  while (position < bytes.length) {
    if (bytes[position] === 0x65) {
      return { request: requestOf(words ?? []), endsAt: position + 1 };
    }
    if (position + 5 > bytes.length) break;
    const end = position + 5 + bytes.readUInt32BE(position + 1);
    if (end > bytes.length) break;
    const content = bytes.subarray(position + 5, end);
    if (bytes[position] === 0x73) words = (decodeValue(content) as BzrValue[]).map(String);
    else body.push(content);
    position = end;
  }
  return words === undefined ? undefined : { request: requestOf(words), endsAt: undefined };
}
