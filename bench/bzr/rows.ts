import type { Stage, Trial } from './stage.ts';

/** A fault, and the calls that meet it. */
export interface Row {
  readonly fault: string;
  /** The server is at the far end of ssh. */
  readonly isOverSsh?: true;
  /** Nobody is told of the fault. */
  readonly isSilent?: true;
  readonly play: (stage: Stage) => Promise<readonly Trial[]>;
}

/** How long a server is away, or old, before what comes next. */
const pauseMs = 300;

const pause = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, pauseMs));

/** Every fault against calls that may be repeated and calls that must not. */
export const rows: readonly Row[] = [
  ...readAndAppend('closed by FIN while idle', ({ door }) => door.last.fin()),
  ...readAndAppend('closed by RST while idle', ({ door }) => door.last.reset()),
  ...readAndAppend('server killed while idle, started anew', async (stage) => {
    const { server, door } = stage;
    const { last } = door;
    await stage.succeed();
    await server.kill();
    await last.closed;
  }),
  {
    fault: 'server killed once it has executed the call, started anew',
    play: async (stage) => [await killedAt(stage, () => stage.lastRevision())],
  },
  {
    fault: 'server killed once it has executed the call, started anew',
    play: async (stage) => [await killedAt(stage, () => stage.append())],
  },
  {
    fault: 'ssh killed while idle',
    isOverSsh: true,
    play: async (stage) => {
      await stage.killSsh();
      return [await stage.append()];
    },
  },
  {
    fault: 'ssh killed inside a body, then a second call',
    isOverSsh: true,
    play: async (stage) => {
      stage.door.last.onLoad = { bytes: stage.scene.big.length / 2, call: () => stage.killSsh() };
      return [await stage.get(), await stage.append()];
    },
  },
  ...readAndAppend('SIGHUP, and its successor there, while idle', async (stage) => {
    const { server, door } = stage;
    const { last } = door;
    await stage.succeed();
    server.hangUp();
    await last.closed;
  }),
  ...readAndAppend('in the second after SIGHUP, its successor there', async (stage) => {
    const { server } = stage;
    await stage.succeed();
    server.hangUp();
    await pause();
  }),
  ...readAndAppend('path half open', ({ door }) => door.last.silence()).map(
    (row): Row => ({ ...row, isSilent: true }),
  ),
  {
    fault: 'a stray byte at a boundary',
    play: async (stage) => {
      await stage.door.last.stray('Z');
      return [
        await stage.has('trunk', true),
        await stage.has('nothing', false),
        await stage.append(),
      ];
    },
  },
  ...[true, false].map((isRead) => ({
    fault: 'reconnect refused for a while, then a second call',
    play: async (stage: Stage) => {
      const { door } = stage;
      door.shut();
      await door.last.fin();
      const first = isRead ? stage.lastRevision() : stage.append();
      await pause();
      await door.open();
      return [await first, await stage.append()];
    },
  })),
  {
    fault: 'lost inside a body, then a second call',
    play: async (stage) => {
      const { last } = stage.door;
      last.onLoad = { bytes: stage.scene.big.length / 2, call: () => last.reset() };
      return [await stage.get(), await stage.append()];
    },
  },
  {
    fault: 'streamed upload on a dead connection',
    play: async (stage) => {
      await stage.scene.makeRepository(stage.name);
      await stage.door.last.fin();
      return [await stage.insertStream()];
    },
  },
];

/** A fault while idle, met by a read and, another time, by a write. */
function readAndAppend(fault: string, strike: (stage: Stage) => Promise<void> | void): Row[] {
  const against = (call: (stage: Stage) => Promise<Trial>): Row => ({
    fault,
    play: async (stage) => {
      await strike(stage);
      return [await call(stage)];
    },
  });
  return [against((stage) => stage.lastRevision()), against((stage) => stage.append())];
}

/** The server is killed when it begins to answer, and nothing of that answer gets out. */
async function killedAt(stage: Stage, call: () => Promise<Trial>): Promise<Trial> {
  const { server, door } = stage;
  const { last } = door;
  await stage.succeed();
  last.onAnswer = () => {
    void server.kill().then(() => last.reset());
    return true;
  };
  return await call();
}
