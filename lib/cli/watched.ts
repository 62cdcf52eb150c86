import type { Client } from '../client/client.ts';
import { connect } from '../client/connect.ts';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import type { Medium } from '../media/medium.ts';
import { type RoutesReport, routesVerb } from '../server/exposed-routes.ts';

/** What one look at a server brought. */
export interface Sample {
  /** Without secrets. */
  readonly url: string;
  readonly report: RoutesReport | undefined;
  /** Set when there is no report. */
  readonly error: HoldfastError | undefined;
}

/** A server that is looked at again and again. */
export class Watched {
  readonly #url: string;
  readonly #client: Client<Record<never, never>>;

  constructor(medium: Medium, credentials: unknown, timeoutMs: number) {
    this.#url = medium.address;
    // A server that was restarted is to be seen at the next look.
    this.#client = connect(medium, undefined, { credentials, timeoutMs, reconnectCapMs: 1_000 });
  }

  /** Asks for the figures; never rejects. */
  async look(): Promise<Sample> {
    try {
      const report = await this.#client.invoke(routesVerb);
      return { url: this.#url, report: checked(report), error: undefined };
    } catch (error) {
      return { url: this.#url, report: undefined, error: this.#explained(error) };
    }
  }

  async close(): Promise<void> {
    this.#client.destroy();
    await this.#client.closed;
  }

  #explained(error: unknown): HoldfastError {
    if (!isHoldfastError(error)) throw error;
    if (error.code !== 'ERR_HOLDFAST_UNKNOWN_VERB') return error;
    const message = `${this.#url} does not tell its figures: it has no exposeRoutes`;
    return new HoldfastError(error.code, message, { cause: error, final: true });
  }
}

/** A server that has a verb of this name may answer anything. */
function checked(value: unknown): RoutesReport {
  const { connections, routes } = (value ?? {}) as Partial<RoutesReport>;
  const isReport =
    typeof connections === 'number' &&
    Array.isArray(routes) &&
    routes.every((row) => typeof row?.verb === 'string');
  if (isReport) return value as RoutesReport;
  const message = `The answer to "${routesVerb}" is not what it should be`;
  throw new HoldfastError('ERR_HOLDFAST_OUTPUT', message, { outcome: 'executed', final: true });
}
