import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Answer, Contender, Place, Request } from './contender.ts';

// The same from the sources as from where they are compiled to.
const program = fileURLToPath(new URL('../../bench/bzr/client.py', import.meta.url));

/** The real client library, in a process of its own. */
export class Brz implements Contender {
  readonly name = 'brz';
  readonly #env: NodeJS.ProcessEnv;
  #process: Running | undefined;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  async open(place: Place): Promise<void> {
    // A client that is let go may wait for its ssh for good.
    await this.close();
    this.#process = new Running(this.#env);
    await this.#process.ask({ do: 'open', place });
  }

  async call(call: Request, boundMs: number): Promise<Answer> {
    const running = this.#process;
    if (running === undefined) throw new Error('No client was opened');
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<Answer>((resolve) => {
      timer = setTimeout(() => resolve({ is: 'hang', ms: boundMs }), boundMs);
    });
    const asked = running.ask({ do: 'call', call }).then((line) => {
      const answer = JSON.parse(line) as Omit<Answer, 'is'> & { told?: string };
      return { ...answer, is: answer.told === undefined ? 'answer' : 'failure' } as Answer;
    });
    try {
      return await Promise.race([asked, bound]);
    } finally {
      clearTimeout(timer);
      asked.catch(() => {});
    }
  }

  async close(): Promise<void> {
    await this.#process?.kill();
    this.#process = undefined;
  }
}

class Running {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string, undefined>;

  constructor(env: NodeJS.ProcessEnv) {
    // Its warnings go to the terminal, where no caller can read them.
    const stdio: ['pipe', 'pipe', 'ignore'] = ['pipe', 'pipe', 'ignore'];
    this.#child = spawn(pythonWithBreezy(), [program], { env, stdio });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ask(order: object): Promise<string> {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error('The client in Python ended');
    return value;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }
}

let python: string | undefined;

/** The first Python on the path may be another than the one that Breezy was installed for. */
function pythonWithBreezy(): string {
  python ??= ['python3', '/usr/bin/python3'].find(
    (one) => spawnSync(one, ['-c', 'import breezy']).status === 0,
  );
  if (python === undefined) throw new Error('No python3 has Breezy; it comes with the package brz');
  return python;
}
