import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import ssh2, {
  type Algorithms,
  type AuthContext,
  type Connection,
  type ExecInfo,
  type ServerChannel,
} from 'ssh2';
import { type Admission, admit } from './ssh-admission.ts';
import { type KeyPair, makeKey } from './ssh-keys.ts';

/** What an exec request meets; a command that nobody knows is not found, as by a shell. */
export type Command = (channel: ServerChannel, words: readonly string[]) => unknown;

/**
 * An SSH server in this process, on a port of its own. `join` commands and forwarding are joined to
 * sockets of this machine; where nobody listens they are refused.
 */
export class SshServer {
  readonly hostKeys: readonly KeyPair[];
  /** Ways to authenticate that were tried, e.g. `publickey`. */
  readonly tried: string[] = [];
  /** Channels of commands and of forwarding that are open. */
  readonly channels = new Set<ServerChannel>();
  readonly commands = new Map<string, Command>();
  admission: Admission = { methods: ['none'] };
  forwarding: 'allowed' | 'prohibited' = 'allowed';
  /** Connections that were ever made, oldest first. */
  readonly sockets: Socket[] = [];
  readonly clients: Connection[] = [];
  /** Called with every request to open a session or a command; true means: do not answer. */
  isSilent: (what: 'session' | 'command' | 'authentication') => boolean = () => false;
  readonly #ssh: ssh2.Server;
  readonly #server: net.Server;
  readonly #joined = new Set<Socket>();

  constructor(hostKeys: readonly KeyPair[] = [makeKey()], algorithms: Algorithms = {}) {
    this.hostKeys = hostKeys;
    const config = { hostKeys: hostKeys.map((key) => key.private), algorithms };
    this.#ssh = new ssh2.Server(config, (client) => this.#onClient(client));
    // A server of our own, so that the sockets are at hand.
    this.#server = net.createServer({ noDelay: true }, (socket) => {
      this.sockets.push(socket);
      socket.on('error', () => {});
      this.#ssh.injectSocket(socket);
    });
    this.commands.set('cat', (channel) => {
      channel.on('data', (chunk: Buffer) => channel.write(chunk));
      channel.on('end', () => exitWith(channel, 0));
    });
  }

  static async listen(hostKeys?: readonly KeyPair[], algorithms?: Algorithms): Promise<SshServer> {
    const server = new SshServer(hostKeys, algorithms);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Lines of `known_hosts` for a server that is reached at this port. */
  knownHosts(port: number = this.port): string {
    return this.hostKeys.map((key) => `[127.0.0.1]:${port} ${key.public}\n`).join('');
  }

  /** Ends everything at once. */
  async close(): Promise<void> {
    for (const socket of [...this.sockets, ...this.#joined]) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #onClient(client: Connection): void {
    this.clients.push(client);
    client.on('error', () => {});
    client.on('authentication', (context) => this.#authenticate(context));
    client.on('ready', () => this.#onReady(client));
  }

  #onReady(client: Connection): void {
    client.on('session', (accept) => {
      if (this.isSilent('session')) return;
      const session = accept();
      session.on('exec', (acceptCommand, reject, info) => {
        this.#onExec(acceptCommand, reject, info);
      });
    });
    // Without a listener, ssh2 answers that it is administratively prohibited.
    if (this.forwarding === 'prohibited') return;
    client.on('tcpip', (accept, reject, { destIP, destPort }) => {
      this.#forward({ host: destIP, port: destPort }, accept, reject);
    });
    client.on('openssh.streamlocal' as 'tcpip', (accept, reject, info) => {
      const { socketPath } = info as unknown as { socketPath: string };
      this.#forward({ path: socketPath }, accept, reject);
    });
  }

  #onExec(accept: () => ServerChannel, reject: () => void, { command }: ExecInfo): void {
    if (this.isSilent('command')) return;
    const [name = '', ...words] = command.split(' ');
    const run = this.commands.get(name);
    if (name === 'join') {
      this.#forward({ path: words[0] as string }, accept, reject);
      return;
    }
    const channel = this.#keep(accept());
    if (run !== undefined) run(channel, words);
    else exitWith(channel, 127, `sh: 1: ${name}: not found\n`);
  }

  /** Connects first: where nobody listens the request is refused. */
  #forward(target: net.NetConnectOpts, accept: () => ServerChannel, reject: () => void): void {
    const socket = net.connect({ ...target, noDelay: true } as net.NetConnectOpts);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      joinSockets(this.#keep(accept()), socket, this.#joined);
    });
  }

  #keep(channel: ServerChannel): ServerChannel {
    this.channels.add(channel);
    channel.on('close', () => this.channels.delete(channel));
    channel.on('error', () => {});
    return channel;
  }

  #authenticate(context: AuthContext): void {
    this.tried.push(context.method);
    if (!this.isSilent('authentication')) admit(context, this.admission);
  }
}

/** Ends a command as a shell does: what it says, its code, the end. */
export function exitWith(channel: ServerChannel, code: number, stderr = ''): void {
  if (stderr !== '') channel.stderr.write(stderr);
  channel.exit(code);
  channel.end();
}

/** Ends a command as a signal does. */
export function exitBy(channel: ServerChannel, signal: string, stderr = ''): void {
  if (stderr !== '') channel.stderr.write(stderr);
  channel.exit(signal, false, '');
  channel.end();
}

/** Each end's end is the other's; a joined socket's is the exit of a command. */
function joinSockets(channel: ServerChannel, socket: Socket, all: Set<Socket>): void {
  all.add(socket);
  channel.on('data', (chunk: Buffer) => {
    if (!socket.write(chunk)) channel.pause();
  });
  socket.on('drain', () => channel.resume());
  socket.on('data', (chunk: Buffer) => {
    if (channel.writable && !channel.write(chunk)) socket.pause();
  });
  channel.on('drain', () => socket.resume());
  channel.on('end', () => socket.end());
  channel.on('close', () => socket.destroy());
  socket.on('error', () => {});
  socket.on('close', () => {
    all.delete(socket);
    if (!channel.writable) return;
    if (channel.subtype === 'exec') channel.exit(0);
    channel.end();
  });
}
