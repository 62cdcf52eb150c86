import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import net from 'node:net';

/**
 * Behaves as OpenSSH's client does, seen from outside: `node fake-ssh.mjs [options] -- host command`.
 * The host's name says what happens; where all is well the command is one of a few known ones.
 */
const { FAKE_SSH_LOG, FAKE_SSH_CONFIG = '' } = process.env;
const args = process.argv.slice(2);
const [host = '', command = ''] = args.slice(args.indexOf('--') + 1);
if (FAKE_SSH_LOG !== undefined) {
  appendFileSync(FAKE_SSH_LOG, `${JSON.stringify({ pid: process.pid, args })}\n`);
}

/** What OpenSSH 9 says before it exits with 255. */
const failures = {
  'unknown-user': 'me@unknown-user: Permission denied (publickey,password).\r\n',
  'unknown-host':
    'No ED25519 host key is known for unknown-host and you have requested strict checking.\r\nHost key verification failed.\r\n',
  'changed-host': `${'@'.repeat(59)}\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n${'@'.repeat(59)}\r\nOffending ED25519 key in /home/me/.ssh/known_hosts:7\r\nHost key verification failed.\r\n`,
  'no-name': 'ssh: Could not resolve hostname no-name: Name or service not known\r\n',
  'nobody-there': 'ssh: connect to host nobody-there port 22: Connection refused\r\n',
  silent: 'ssh: connect to host silent port 22: Connection timed out\r\n',
};

if (args.includes('-G')) {
  if (host === 'slow-to-ask') setInterval(() => {}, 1_000);
  else if (host === 'ask-again' && timesAsked() === 1) fail('try again\n');
  else process.stdout.write(FAKE_SSH_CONFIG);
} else if (Object.hasOwn(failures, host)) {
  fail(failures[host]);
} else {
  if (host === 'stubborn') {
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) process.on(signal, () => {});
    // stdin and stdout may go; it stays.
    for (const stream of [process.stdin, process.stdout]) stream.on('error', () => {});
    setInterval(() => {}, 1_000);
  }
  run(command);
}

function timesAsked() {
  return readFileSync(FAKE_SSH_LOG, 'utf8').split('"-G"').length - 1;
}

function fail(text, code = 255) {
  process.stderr.write(text, () => process.exit(code));
}

function run(line) {
  const [name, ...words] = line.split(' ');
  if (name === 'join') join(words[0]);
  else if (name === 'shell') shell(words.join(' '));
  else if (name === 'cat') process.stdin.pipe(process.stdout);
  else if (name === 'exit') fail(`${words.slice(1).join(' ')}\n`, Number(words[0]));
  else if (name === 'say-and-exit') {
    process.stdout.write('said', () => fail(`${words.slice(1).join(' ')}\n`, Number(words[0])));
  } else if (name === 'close-and-stay') {
    process.stdout.end();
    process.stdout.on('close', () => {});
    setInterval(() => {}, 1_000);
  } else if (name === 'deaf') {
    process.stdout.write('up');
    setInterval(() => {}, 1_000);
  } else fail(`bash: line 1: ${name}: command not found\n`, 127);
}

/** Its own pipes, so that the far end hears of it when this process is killed. */
function shell(line) {
  const child = spawn('/bin/sh', ['-c', line]);
  child.stdin.on('error', () => {});
  process.stdin.pipe(child.stdin);
  child.stdout.pipe(process.stdout);
  child.stderr.pipe(process.stderr);
  child.on('close', (code) => process.stdout.write('', () => process.exit(code ?? 255)));
}

/** The command's end, however, is the connection's. */
function join(path) {
  const socket = net.connect(path);
  socket.on('error', (error) => fail(`join: ${error.message}\n`, 1));
  process.stdin.pipe(socket);
  socket.pipe(process.stdout);
  socket.on('close', () => process.stdout.write('', () => process.exit(0)));
}
