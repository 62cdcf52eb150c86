import { defineVerbs, read, type Server, serve, transient, type VerbSettings } from 'holdfast';
import { seededRandom } from 'holdfast/testing';
import { between } from '../demo/random.ts';

/** Share of the attempts that fail. */
export const failureShare = 0.5;

/** A server of which about every second attempt fails, and what it knows of itself. */
export interface Service {
  readonly server: Server;
  /** How often the handler ran. */
  readonly runs: () => number;
}

/**
 * Starts the server; what fails, and how long it takes, depends on the seed alone.
 *
 * @param settings what the server publishes of its verb, which changes nothing
 */
export async function startService(seed: number, settings: VerbSettings): Promise<Service> {
  const random = seededRandom(seed);
  const verbs = defineVerbs({ head: read<number, string>(settings) });
  let runs = 0;
  const head = async (id: number): Promise<string> => {
    runs++;
    const fails = random() < failureShare;
    // Most answers are quick, one in ten is not.
    const tookMs = random() < 0.1 ? between(random, 10, 20) : between(random, 1, 6);
    await new Promise((resolve) => setTimeout(resolve, tookMs));
    if (fails) throw transient(new Error('a replica is behind'));
    return `author ${id}`;
  };
  const server = await serve(verbs, { head }, { listen: 'tcp://127.0.0.1:0' });
  return { server, runs: () => runs };
}
