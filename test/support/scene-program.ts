import { readFileSync, writeSync } from 'node:fs';
import { handOver, type Server } from '../../lib/index.ts';
import type { SceneOrder, SceneReport, SceneTask } from './scene-server.ts';

/** Longer than any scene: nobody is left behind when the one who watches is killed. */
const lifeMs = 1_800_000;

function say(report: SceneReport): void {
  writeSync(1, `${JSON.stringify(report)}\n`);
}

/**
 * Runs a server of a scene, in a program of its own that is told a {@link SceneTask} in its only
 * argument: it says what becomes of it, and hands over at SIGUSR2.
 */
export function runScene(start: (task: SceneTask) => Promise<Server>): void {
  const { pid } = process;
  setTimeout(() => process.exit(1), lifeMs).unref();
  say({ kind: 'started', pid });
  const task = JSON.parse(process.argv[2] as string) as SceneTask;
  start(task).then(
    (server) => {
      say({ kind: 'serving', pid, urls: server.urls });
      process.on('SIGUSR2', () => void pass(server, task));
    },
    (error: unknown) => {
      say({ kind: 'failed', pid, message: String(error) });
      process.exit(1);
    },
  );
}

async function pass(server: Server, task: SceneTask): Promise<void> {
  const { pid } = process;
  const { command, ...options } = JSON.parse(readFileSync(task.order, 'utf8')) as SceneOrder;
  const successor = command ?? [process.execPath, ...process.argv.slice(1)];
  try {
    const { cut } = await handOver(server, successor, options);
    say({ kind: 'handed-over', pid, cut: cut.map(({ verb }) => verb) });
    process.exit();
  } catch (error) {
    const { code, message } = error as { readonly code: string; readonly message: string };
    say({ kind: 'kept', pid, code, message });
  }
}
