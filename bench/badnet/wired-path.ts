import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { BenchProcess } from '../harness/bench-process.ts';
import type { RunOrder } from './client-process.ts';
import type { Course } from './exchanges.ts';
import { type Loss, noLoss } from './gilbert-elliott.ts';
import type { Sample, Task } from './sample.ts';
import type { ServerOrder } from './server-process.ts';
import type { Doors } from './servers.ts';
import type { Counts, WireOrder } from './wire-process.ts';

/** They exist inside the namespaces only (RFC 2544). */
const addresses = { client: '198.18.88.1', server: '198.18.88.2' } as const;

const device = 'badnet';

/**
 * Opens a TUN device in the namespace that it runs in, sets it up, and becomes the command that
 * follows, with the device's descriptor as one argument more. Node has no ioctl; one of these
 * languages is everywhere.
 */
const openers: Readonly<Record<string, readonly string[]>> = {
  perl: [
    '-e',
    `$^F = 255;
     sysopen(TUN, "/dev/net/tun", 2) or die "/dev/net/tun: $!";
     ioctl(TUN, 0x400454ca, pack("a16 s x22", shift, 0x1001)) or die "TUNSETIFF: $!";
     system("sh", "-c", shift) == 0 or die "ip failed";
     exec(@ARGV, fileno(TUN)) or die "exec: $!"`,
  ],
  python3: [
    '-c',
    `import fcntl, os, struct, subprocess, sys
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x1001))
subprocess.run(["sh", "-c", sys.argv[2]], check=True)
os.set_inheritable(tun, True)
os.execvp(sys.argv[3], sys.argv[3:] + [str(tun)])`,
  ],
};

function isThere(program: string): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v "$0"', program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** What is missing for the kernel's own TCP over an impaired wire; undefined if nothing is. */
export function lacking(): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (process.getuid?.() !== 0) return 'it needs the rights of root';
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
  const missing = ['ip', 'unshare', 'nsenter'].filter((program) => !isThere(program));
  if (missing.length > 0) return `missing: ${missing.join(', ')}`;
  return openerName() === undefined ? 'missing: perl or python3' : undefined;
}

function openerName(): string | undefined {
  return Object.keys(openers).find(isThere);
}

/** Client and server each in a network namespace of its own, joined by a wire that loses packets. */
export async function runWired(task: Task): Promise<Sample> {
  const processes: BenchProcess<never>[] = [];
  const start = async <Order extends { readonly do: string }>(
    script: string,
    wrapper: readonly string[],
  ): Promise<BenchProcess<Order>> => {
    const started = await BenchProcess.startBehind<Order>(
      wrapper,
      new URL(script, import.meta.url),
    );
    processes.push(started as unknown as BenchProcess<never>);
    return started;
  };
  try {
    const server = await start<ServerOrder>('server-process.js', ['unshare', '--net']);
    const client = await start<RunOrder>('client-process.js', ['unshare', '--net']);
    const wire = await start<WireOrder>('wire-process.js', [
      ...tunIn(client.pid, addresses.client, addresses.server),
      ...tunIn(server.pid, addresses.server, addresses.client),
    ]);
    const { contender, seed, loss, isBothWays, work } = task;
    const doors = (await server.ask({ do: 'serve', host: addresses.server })) as Doors;
    const up: Loss = isBothWays ? loss : noLoss;
    await wire.ask({ do: 'impair', seed, up, down: loss });
    const { course } = (await client.ask({ do: 'run', contender, doors, work })) as {
      course: Course;
    };
    const executions = (await server.ask({ do: 'executions' })) as number;
    const { down } = (await wire.ask({ do: 'counts' })) as { down: Counts };
    return { contender, seed, ...course, executions, ...down };
  } finally {
    for (const one of processes.reverse()) one.kill();
  }
}

function tunIn(pid: number, own: string, peer: string): string[] {
  const name = openerName() as string;
  const setUp = `ip link set lo up && ip address add ${own} peer ${peer} dev ${device} && ip link set ${device} up`;
  const opener = openers[name] as readonly string[];
  return ['nsenter', '--net', '--target', `${pid}`, name, ...opener, device, setUp];
}
