import { Brz } from './brz.ts';
import { type Standing, standingOf, type Tried, type Verdict, verdictOf } from './compare.ts';
import type { Contender, ContenderName } from './contender.ts';
import { Holdfast } from './holdfast.ts';
import { type Row, rows } from './rows.ts';
import { Scene } from './scene.ts';
import { SshHouse } from './ssh.ts';
import { Stage, type Trial } from './stage.ts';

/** How long things may take. */
export interface Bounds {
  /** A call that has no answer after so long is a hang. */
  readonly boundMs: number;
  /** The same where nothing else would ever end it. */
  readonly hangMs: number;
  /** holdfast's `timeoutMs`. */
  readonly timeoutMs: number;
  /** Its `attemptTimeoutMs`. */
  readonly attemptTimeoutMs: number;
  /** Its `heartbeatTimeoutMs`. */
  readonly heartbeatTimeoutMs: number;
}

export const usualBounds: Bounds = {
  boundMs: 20_000,
  hangMs: 20_000,
  timeoutMs: 10_000,
  attemptTimeoutMs: 2_000,
  heartbeatTimeoutMs: 2_000,
};

/** A row, played by both. */
export interface Compared {
  readonly fault: string;
  readonly calls: Readonly<Record<ContenderName, readonly Called[]>>;
  /** How holdfast did. */
  readonly verdict: Verdict;
}

export interface Called extends Tried {
  readonly standing: Standing;
}

/** Plays all rows, by both contenders. `onRow` is told of each as it is done. */
export async function sideBySide(
  { boundMs, hangMs, ...options }: Bounds,
  onRow: (row: Compared) => void = () => {},
): Promise<Compared[]> {
  const scene = await Scene.create();
  let ssh: SshHouse | undefined;
  try {
    ssh = await SshHouse.build(scene);
    const contenders = { brz: new Brz(scene.env), holdfast: new Holdfast(options) };
    const compared: Compared[] = [];
    for (const [at, row] of rows.entries()) {
      const name = `row-${at}`;
      const facilities = {
        scene,
        boundMs: row.isSilent ? hangMs : boundMs,
        ...(row.isOverSsh ? { ssh } : {}),
      };
      const calls = {
        brz: await play(row, name, contenders.brz, facilities),
        holdfast: await play(row, name, contenders.holdfast, facilities),
      };
      const verdict = verdictOf(calls.holdfast, calls.brz);
      const one = { fault: row.fault, calls, verdict };
      compared.push(one);
      onRow(one);
    }
    return compared;
  } finally {
    await ssh?.close();
    await scene.remove();
  }
}

async function play(
  row: Row,
  name: string,
  contender: Contender,
  facilities: Parameters<typeof Stage.set>[2],
): Promise<Called[]> {
  const stage = await Stage.set(`${name}-${contender.name}`, contender, facilities);
  let trials: readonly Trial[];
  try {
    trials = await row.play(stage);
  } finally {
    await stage.close();
  }
  // What was still on its way has come by now, if it ever does.
  return trials.map(({ count, ...rest }) => {
    const tried = { ...rest, ran: count() };
    return { ...tried, standing: standingOf(tried) };
  });
}
