import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { encodeClientHello } from '../../lib/protocols/holdfast/hello.ts';
import { Corpus } from './corpus.ts';
import { mutate } from './mutate.ts';
import { targets } from './targets.ts';

/** Bad clients at a time. */
const atOnce = 8;

const inputs = (name: string): Buffer[] => {
  const seeds = targets.find((target) => target.name === name)?.seeds ?? [];
  return [...seeds, ...new Corpus(name).inputs];
};

const greetings = inputs('server-greeting');
const frames = inputs('server-frames');

/** Connects so many bad clients to a server; resolves when all of them have gone. */
export async function harass(
  url: string,
  random: () => number,
  connections: number,
): Promise<void> {
  const { hostname, port } = new URL(url);
  let left = connections;
  const keepComing = async (): Promise<void> => {
    while (left-- > 0) {
      const socket = net.connect({ host: hostname, port: Number(port) });
      // What the server does to it is its right.
      socket.on('error', () => {});
      socket.resume();
      const closed = once(socket, 'close');
      behave(socket, random);
      await closed;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, keepComing));
}

/** Says something wrong in some pieces, and leaves in some way. */
function behave(socket: Socket, random: () => number): void {
  const session = Buffer.from(Array.from({ length: 16 }, () => Math.floor(random() * 256)));
  const hello = encodeClientHello({ session, maxFrameBytes: 65_536, credentials: undefined });
  const words = [hello];
  const greeting = random() < 0.7 ? hello : mutate({ random, corpus: greetings, words });
  const said = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
    mutate({ random, corpus: frames, words: frames }),
  );
  const bytes = Buffer.concat([greeting, ...said]);
  const middle = Math.floor(random() * bytes.length);
  socket.write(bytes.subarray(0, middle));
  socket.write(bytes.subarray(middle), () => {
    const way = random();
    if (way < 0.4) socket.end();
    else if (way < 0.7) socket.resetAndDestroy();
    else socket.destroy();
  });
}
