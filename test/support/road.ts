import type { Client, Medium, Safety } from '../../lib/index.ts';
import type { Executions, verbs } from './verbs.ts';

/** A program that was compiled once for many roads. */
export interface Programs {
  /** `holdfast bridge` */
  readonly bridge: string;
  /** The server on stdin and stdout: `stdio-main.ts`. */
  readonly server: string;
}

/** How a process of its own reaches the server. */
export interface Directions {
  readonly url: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** A server, and a medium that leads to it and can be made to fail as such media do. */
export interface Road {
  readonly medium: Medium;
  /** Missing where no other process can go. */
  readonly directions: Directions | undefined;
  /** What the server has executed, by its own account. */
  executions(): Executions;
  /** Programs that a client has started, here or at the far end, and that still run. */
  running(): readonly number[];
  /** Makes a call that runs until {@link release}. */
  stall(client: Client<typeof verbs>, safety: Safety, name: string): Promise<string>;
  /** The name that such a call is counted by. */
  stalled(name: string): string;
  release(): void;
  /** The newest channel dies in one of the ways of {@link RoadKind.deaths}. */
  die(how: string, client: Client<typeof verbs>): unknown;
  /** Nothing passes on the newest channel any more, and nobody says so. */
  silence(): void;
  /** Bytes that nobody asked for come on the newest channel. */
  stray(text: string, client: Client<typeof verbs>): unknown;
  /** From now on this is what comes instead of a hello. */
  greetWith(text: string): void;
  /** The server leaves in order and another one takes its place. */
  restart(client: Client<typeof verbs>): Promise<unknown>;
  close(): Promise<unknown>;
}

/** A kind of road, as the table of the scenarios has it. */
export interface RoadKind {
  readonly name: string;
  readonly deaths: readonly string[];
  /** Whether the server outlives the channel, so that it can be asked what became of a call. */
  readonly isLasting: boolean;
  build(programs: Programs): Promise<Road>;
}

/** Waits without a sleep until something that has no event of its own has come about. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
