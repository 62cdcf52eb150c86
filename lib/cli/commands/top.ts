import { mediumOf } from '../../media/url.ts';
import { type Command, command } from '../command.ts';
import { connectionOptions, credentialsOf, urlOperand } from '../connection.ts';
import { interrupt } from '../interrupt.ts';
import { LiveScreen } from '../live.ts';
import { count, duration } from '../options.ts';
import { paint, print, printJson } from '../output.ts';
import { pause, unlessAborted } from '../pause.ts';
import { samplesText } from '../routes-table.ts';
import { type Sample, Watched } from '../watched.ts';

/** `holdfast top`. */
export const top: Command = command({
  about: [
    'Of each verb, over the last minute: EFFECTIVE are the calls that ran, ACTUAL all that came, with repeats and calls that were refused; times are from the arrival to the answer. The servers must be willing: exposeRoutes: true, or holdfast serve --expose-routes.',
    'A terminal shows it until q or Ctrl-C; else it is printed once, or --count times.',
    'The exit code is 1 when some of the servers did not answer in the end.',
  ],
  operands: [{ ...urlOperand, isRepeated: true }],
  options: {
    ...connectionOptions,
    timeout: duration('how long each answer may take; default 5s', 5_000),
    interval: duration('the pause between two looks; default 1s', 1_000),
    count: count('how often it looks; default: in a terminal without end, else 1', undefined),
  },
  examples: [
    ['top tcp://127.0.0.1:4155', 'live, in a terminal'],
    ['top unix:/run/a.sock unix:/run/b.sock --json --count 60', 'a line a second, for a minute'],
  ],
  hasOutcome: true,
  run: async (urls, options) => {
    const credentials = credentialsOf(options);
    const watched = urls
      .map(mediumOf)
      .map((medium) => new Watched(medium, credentials, options.timeout));
    const isLive = process.stdout.isTTY && process.env['TERM'] !== 'dumb' && !options.json;
    const rounds = options.count ?? (isLive ? Number.POSITIVE_INFINITY : 1);
    const { signal, press, done } = interrupt();
    const screen = isLive ? new LiveScreen(process.stdout, process.stdin, press) : undefined;
    let samples: readonly Sample[] = [];
    try {
      for (let round = 1; round <= rounds && !signal.aborted; round++) {
        if (round > 1) await pause(options.interval, signal);
        if (signal.aborted) break;
        const looks = Promise.all(watched.map((server) => server.look()));
        const seen = await unlessAborted(looks, signal);
        if (seen === undefined) break;
        samples = seen;
        if (options.json) printJson(samples.map(asObject));
        else show(samplesText(samples, paint), screen, round);
      }
    } finally {
      done();
      screen?.close();
      await Promise.all(watched.map((server) => server.close()));
    }
    const failures = samples.flatMap(({ error }) => (error === undefined ? [] : [error]));
    const [failure] = failures;
    if (failure !== undefined && failures.length === samples.length) throw failure;
    return failure === undefined ? 0 : 1;
  },
});

function asObject({ url, report, error }: Sample): object {
  return error === undefined ? { url, ...report } : { url, error: error.message };
}

function show(text: string, screen: LiveScreen | undefined, round: number): void {
  if (screen !== undefined) screen.show(text);
  else print(round > 1 ? `\n${text}` : text);
}
