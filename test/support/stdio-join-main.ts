import net from 'node:net';
import { stdio } from '../../lib/media/stdio.ts';

/** Joins a channel over its own stdin and stdout to a Unix socket: `stdio-join-main PATH`. */
const socket = net.connect({ path: process.argv[2] as string });
socket.on('error', ({ message }) => {
  process.stderr.write(`The socket said ${message}\n`);
  process.exitCode = 1;
});

await stdio().listen((channel) => {
  channel.start({
    onBytes: (chunk) => {
      // A copy: the memory is the channel's.
      if (!socket.write(Buffer.from(chunk))) channel.pause();
    },
    onClosed: () => socket.end(),
  });
  channel.ref();
  socket.on('drain', () => channel.resume());
  socket.on('data', (chunk) => {
    socket.pause();
    channel.write([chunk], () => socket.resume());
  });
  socket.on('end', () => channel.close());
  socket.on('close', () => channel.close());
});
