import net from 'node:net';

/** Joins stdin and stdout to a Unix socket: `join-socket.mjs PATH`. It ends when either side does. */
const socket = net.connect({ path: process.argv[2] });
socket.on('error', ({ code }) => {
  process.stderr.write(`The socket said ${code}\n`);
  process.exitCode = 1;
});
socket.on('close', () => {
  process.stdin.destroy();
  process.stdout.end(() => process.exit());
});
process.stdout.on('error', () => process.exit(1));
process.stdin.pipe(socket);
socket.pipe(process.stdout, { end: false });
