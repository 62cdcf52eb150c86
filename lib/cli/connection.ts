import type { Client } from '../client/client.ts';
import { connect } from '../client/connect.ts';
import { messageOf } from '../errors.ts';
import type { Operand, Option } from './command.ts';
import { readCredentials } from './credentials.ts';
import { durationText } from './durations.ts';
import { duration, flag, text } from './options.ts';
import { note } from './output.ts';
import { harmless } from './terminal.ts';

/** The operand of every command that connects. */
export const urlOperand: Operand = {
  name: 'URL',
  help: 'the server: tcp://HOST:PORT, tls://HOST:PORT, unix:/PATH, ssh+unix://HOST/PATH, …',
};

/** What every command that connects can be told. */
export const connectionOptions: {
  readonly timeout: Option<number>;
  readonly credentials: Option<string | undefined>;
  readonly 'credentials-json': Option<boolean>;
  readonly json: Option<boolean>;
} = {
  timeout: duration('gives up after so long, dialling included; default 30s', 30_000),
  credentials: text(
    'env:NAME|file:PATH',
    "a variable or a file that has the credentials for the server's authenticate",
  ),
  'credentials-json': flag('the credentials are JSON, and not a text'),
  json: flag('prints for machines: JSON on stdout, errors as JSON on stderr'),
};

/** The values of {@link connectionOptions}. */
export interface ConnectionValues {
  readonly timeout: number;
  readonly credentials: string | undefined;
  readonly 'credentials-json': boolean;
  readonly json: boolean;
}

/** The credentials that were given. */
export function credentialsOf(values: ConnectionValues): unknown {
  return readCredentials(values.credentials, values['credentials-json'], process.env);
}

/** A client that takes the server's table of verbs. */
export type AnyClient = Client<Record<never, never>>;

/** Connects, does its work, and ends the connection; gives what the work gave. */
export async function withClient<Result>(
  url: string,
  values: ConnectionValues,
  work: (client: AnyClient) => Promise<Result>,
): Promise<Result> {
  const client = clientFor(url, values);
  try {
    const result = await work(client);
    await client.close();
    return result;
  } catch (error) {
    client.destroy();
    await client.closed;
    throw error;
  }
}

/** A client, which tells people when something takes longer for a reason. */
function clientFor(url: string, values: ConnectionValues): AnyClient {
  const { timeout, json } = values;
  const client = connect(url, undefined, {
    timeoutMs: timeout,
    credentials: credentialsOf(values),
  });
  if (json) return client;
  client.once('reconnecting', ({ cause }) => {
    const why = cause === undefined ? 'No connection' : harmless(messageOf(cause));
    note(`${why}; trying again for up to ${durationText(timeout)}`);
  });
  return client.on('replay', ({ verb, attempt, why }) => {
    note(`"${harmless(verb)}" is sent again (attempt ${attempt}): ${harmless(why)}`);
  });
}
