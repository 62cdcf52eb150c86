import { defineVerbs, mutate, read } from '../../lib/index.ts';
import type { VerbMakers } from '../../lib/verbs/define.ts';

/** What a stream is opened with. */
export interface Opening {
  /** Names the call in the journal. */
  readonly name: string;
  readonly from?: number;
  readonly count?: number;
  /** How long each item takes, or the answer of an upload behind its last item. */
  readonly eachMs?: number;
}

/** An item, and the process that gave it. */
export type Given = readonly [item: number, pid: number];

/** What came with an upload, and the process that took it. */
export interface Taken {
  readonly items: readonly number[];
  readonly pid: number;
}

function streamsOf<Class extends 'read' | 'mutate'>(make: VerbMakers<Class>) {
  return {
    /** Gives the numbers from `from` to `count`. */
    count: make.serverStream<Opening, Given>(),
    /** Gives back what was sent. */
    collect: make.clientStream<Opening, number, Taken>(),
    /** Gives ten times what was sent. */
    tenfold: make.duplex<Opening, number, Given>(),
  };
}

const [reading, writing] = [streamsOf(read), streamsOf(mutate)];

/** Streams of two classes. */
export const verbs = defineVerbs({
  readCount: reading.count,
  readCollect: reading.collect,
  readTenfold: reading.tenfold,
  mutateCount: writing.count,
  mutateCollect: writing.collect,
  mutateTenfold: writing.tenfold,
  /** The process that answers. */
  pid: read<void, number>(),
});
