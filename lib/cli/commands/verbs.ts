import type { Safety } from '../../verbs/safety.ts';
import type { VerbRow } from '../../verbs/table.ts';
import { type Command, command } from '../command.ts';
import { connectionOptions, urlOperand, withClient } from '../connection.ts';
import { durationText } from '../durations.ts';
import { paint, print, printJson } from '../output.ts';
import { table } from '../table.ts';
import { harmless, type Tone } from '../terminal.ts';

const tones: Readonly<Record<Safety, Tone>> = {
  read: 'green',
  idempotent: 'green',
  semi: 'yellow',
  once: 'cyan',
  mutate: 'red',
};

/** `holdfast verbs`. */
export const verbs: Command = command({
  about: [
    'The table is what the server publishes to its clients. The class says what repeating the verb does, and so when a call is sent again. With --json it is {"hash","verbs"}; tables that differ have different hashes.',
  ],
  operands: [urlOperand],
  options: connectionOptions,
  examples: [['verbs unix:/run/notes.sock', 'what can be called there']],
  hasOutcome: true,
  run: async ([url = ''], options) => {
    const published = await withClient(url, options, (client) => client.verbs());
    if (options.json) printJson(published);
    else print(tableOf(published.verbs));
    return 0;
  },
});

function tableOf(rows: readonly VerbRow[]): string {
  const columns = ['VERB', 'CLASS', 'SETTINGS'].map((title) => ({ title }));
  const cells = rows.map(({ name, safety, settings }) => [
    harmless(name),
    { text: safety, tone: tones[safety] },
    settingsText(settings),
  ]);
  return table(columns, cells, paint);
}

/** `timeoutMs` is shown as `timeout 5 s`. */
function settingsText(settings: object): string {
  return Object.entries(settings)
    .map(([name, value]: [string, unknown]) =>
      name.endsWith('Ms') && typeof value === 'number'
        ? `${name.slice(0, -2)} ${durationText(value)}`
        : `${name} ${harmless(JSON.stringify(value))}`,
    )
    .join(', ');
}
