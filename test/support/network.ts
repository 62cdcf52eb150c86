import { execFileSync } from 'node:child_process';
import { find } from './programs.ts';

/**
 * Two network namespaces of the test's own, joined by a cable that nothing else is joined to. The
 * path between them can go silent: packets vanish in both directions and nobody is told.
 */
export class Network {
  readonly client: string;
  readonly server: string;
  /** The server's address; it exists inside the namespaces only. */
  readonly serverAddress = '198.18.77.2';
  readonly #cable: string = `hf${process.pid}`;

  constructor() {
    this.client = `hf-client-${process.pid}`;
    this.server = `hf-server-${process.pid}`;
    this.#ip('netns', 'add', this.client);
    this.#ip('netns', 'add', this.server);
    const cable = this.#cable;
    this.#ip(
      'link',
      'add',
      `${cable}a`,
      'netns',
      this.client,
      'type',
      'veth',
      'peer',
      'name',
      `${cable}b`,
      'netns',
      this.server,
    );
    this.#up(this.client, `${cable}a`, '198.18.77.1/24');
    this.#up(this.server, `${cable}b`, `${this.serverAddress}/24`);
  }

  /** What a command is put behind so that it runs in a namespace. */
  static inside(namespace: string): readonly string[] {
    return [find('ip') ?? 'ip', 'netns', 'exec', namespace];
  }

  /** From now on no packet passes the cable, in either direction. */
  silence(): void {
    const device = `${this.#cable}b`;
    this.#nft(`table inet silence {
      chain in { type filter hook input priority 0; iifname "${device}" drop; }
      chain out { type filter hook output priority 0; oifname "${device}" drop; }
    }`);
  }

  /** Packets arrive again. */
  restore(): void {
    this.#nft('delete', 'table', 'inet', 'silence');
  }

  remove(): void {
    this.#ip('netns', 'delete', this.client);
    this.#ip('netns', 'delete', this.server);
  }

  #up(namespace: string, device: string, address: string): void {
    this.#ip('-n', namespace, 'link', 'set', 'lo', 'up');
    this.#ip('-n', namespace, 'address', 'add', address, 'dev', device);
    this.#ip('-n', namespace, 'link', 'set', device, 'up');
  }

  #ip(...args: readonly string[]): void {
    execFileSync(find('ip') ?? 'ip', args);
  }

  #nft(...args: readonly string[]): void {
    const [ip, ...inside] = Network.inside(this.server);
    execFileSync(ip as string, [...inside, find('nft') ?? 'nft', ...args]);
  }
}
