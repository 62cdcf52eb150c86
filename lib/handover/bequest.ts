import type { PassedRecord } from '../completions/memory.ts';
import type { Channel, Listener } from '../media/medium.ts';
import type { OwnStore } from '../server/own-store.ts';
import type { Answer, Estate } from '../server/predecessor.ts';
import type { Server } from '../server/server.ts';
import type { ServerCore } from '../server/server-core.ts';
import { startServing } from '../server/start-serving.ts';
import { handOverFormat, handOverFrameBytes, handOverVerbs } from './verbs.ts';

/** About so many bytes of answers go into one message. */
const batchBytes = 4 * 1024 * 1024;

/** So many records of `once` calls, of which each has a few small parts. */
const batchRecords = 10_000;

/** So many servers back nobody asks: the calls that came to them have settled long ago. */
const maxServers = 16;

/** How long the successor may take to hear the last word. */
const lastWordMs = 2_000;

/** A promise and what settles it. */
class Event<Value = void> {
  happened: (value: Value) => void = () => {};
  readonly promise: Promise<Value> = new Promise((resolve) => {
    this.happened = resolve;
  });
}

/** The predecessor's side of a hand-over: it gives its successor the sessions that it is asked for. */
export class Bequest {
  readonly #core: ServerCore;
  readonly #ready = new Event<string | undefined>();
  readonly #done = new Event();
  readonly #taken = new Event();
  readonly #collected = new Event();
  /** Answers of calls that ran on when their session was given away. */
  readonly #answers = new Map<string, Event<Answer | null>>();
  /** Records of `once` calls that are still to be given. */
  #records: PassedRecord[] | undefined;
  #server: Server | undefined;
  #isDone = false;

  private constructor(core: ServerCore) {
    this.#core = core;
  }

  /** To be called in the turn in which the channel was got. */
  static async on(channel: Channel, core: ServerCore): Promise<Bequest> {
    const bequest = new Bequest(core);
    const listener: Listener = {
      listen: async (accept) => {
        accept(channel);
        return { url: 'hand-over:', close: async () => {} };
      },
    };
    bequest.#server = await startServing(handOverVerbs, bequest.#handlers(), {
      listen: listener,
      clock: core.options.clock,
      maxFrameBytes: handOverFrameBytes,
      maxIncomingBytes: handOverFrameBytes,
      maxOutgoingBytes: handOverFrameBytes,
      maxRecordedBytes: handOverFrameBytes,
      maxCalls: 1_000_000,
      keepSessionsMs: 0,
    });
    return bequest;
  }

  /** The successor listens, and knows who was here before; or why it cannot take over. */
  get ready(): Promise<string | undefined> {
    return this.#ready.promise;
  }

  /** All is done here: resolves when the successor has taken what it has not claimed. */
  async finish(): Promise<void> {
    this.#isDone = true;
    this.#done.happened();
    await this.#taken.promise;
    // What it has claimed at the last moment it asks for when it has heard of it.
    if (this.#answers.size > 0) await this.#collected.promise;
    // It must have read that this was all.
    await this.#server?.drain({ timeoutMs: lastWordMs, noticeMs: 0 });
  }

  /** Ends the connection with the successor. */
  async close(): Promise<void> {
    await this.#server?.close();
  }

  #handlers(): Parameters<typeof startServing<typeof handOverVerbs>>[1] {
    const core = this.#core;
    const records = core.ownStore;
    const kept = (): OwnStore => {
      if (records !== undefined) return records;
      throw new Error('the records are not in this process');
    };
    return {
      ready: (format) => {
        // Who ends it means the service: nobody is to go on in its place.
        if (core.isEnding) throw new Error('the server was told to end');
        const objection = objectionTo(format);
        this.#ready.happened(objection);
        if (objection !== undefined) throw new Error(objection);
        const servers = [core.hello.server, ...(core.heir?.servers ?? [])].slice(0, maxServers);
        return records === undefined ? { servers } : { servers, completions: records.id };
      },
      claim: (session) => this.#give(session) ?? null,
      answer: async ({ session, number }) => {
        const key = `${session}:${number}`;
        const answer = await this.#answers.get(key)?.promise;
        this.#answers.delete(key);
        if (this.#answers.size === 0 && this.#isDone) this.#collected.happened();
        return answer ?? null;
      },
      cancel: ({ session, number }) => core.sessions.get(session)?.cancel(number),
      rest: async () => {
        await this.#done.promise;
        const batch = this.#nextBatch();
        if (batch.length === 0 && records === undefined) this.#taken.happened();
        return batch;
      },
      begin: (request) => kept().begin(request),
      finish: ({ request, completion }) => kept().finish(request, completion),
      abandon: (request) => kept().abandon(request),
      takeRecords: () => {
        this.#records ??= kept().memory.export();
        const batch = this.#records.splice(0, batchRecords);
        if (batch.length === 0) this.#taken.happened();
        return batch;
      },
    };
  }

  #give(session: string): Estate | undefined {
    const estate = this.#core.giveAway(session, (number, answer) => {
      this.#answers.get(`${session}:${number}`)?.happened(answer ?? null);
    });
    for (const number of estate?.running ?? []) {
      this.#answers.set(`${session}:${number}`, new Event());
    }
    return estate;
  }

  #nextBatch(): Estate[] {
    const batch: Estate[] = [];
    let bytes = 0;
    for (const session of this.#core.sessions.ids()) {
      const estate = this.#give(session);
      if (estate === undefined) continue;
      batch.push(estate);
      for (const frame of estate.frames) bytes += frame.length;
      if (bytes > batchBytes || batch.length >= 10_000) break;
    }
    return batch;
  }
}

/** Why a successor that takes over by this format cannot, if it cannot: nothing is given to it then. */
function objectionTo(format: unknown): string | undefined {
  if (format === handOverFormat) return undefined;
  return `the successor has another version of holdfast: it takes sessions over by format ${format}, and this server gives them by format ${handOverFormat}`;
}
