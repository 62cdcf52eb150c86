import { messageOf } from '../../errors.ts';
import { mediumOf } from '../../media/url.ts';
import { type Command, command } from '../command.ts';
import { connectionOptions, credentialsOf, urlOperand } from '../connection.ts';
import { durationText } from '../durations.ts';
import type { ExitCode } from '../exit-codes.ts';
import { interrupt } from '../interrupt.ts';
import { count, duration } from '../options.ts';
import { note, paint, print, printJson } from '../output.ts';
import { pause } from '../pause.ts';
import { Pinger, type PingReport } from '../pinger.ts';
import { harmless } from '../terminal.ts';

/** `holdfast ping`. */
export const ping: Command = command({
  about: [
    'Each ping is a frame of the protocol that the server answers by itself: no handler runs. When the connection is lost, the next ping makes it anew.',
    'With a long --interval it finds out how long the path may be idle: what is lost after a silence was cut by something in between, if the server went on. A client learns the same by itself.',
    'The exit code is 1 when some of the pings were lost, and 3 when all were.',
  ],
  operands: [urlOperand],
  options: {
    ...connectionOptions,
    timeout: duration('how long the connection, and each round trip, may take; default 5s', 5_000),
    count: count('how many pings; default 10', 10),
    interval: duration('the pause between them; default 100ms', 100),
  },
  examples: [
    ['ping tcp://127.0.0.1:4155', 'ten round trips within a second'],
    ['ping tls://notes.example:4155 --count 4 --interval 5m', 'does the path live for 5 minutes?'],
  ],
  hasOutcome: true,
  run: async ([url = ''], options) => {
    const pinger = new Pinger(mediumOf(url), credentialsOf(options), options.timeout);
    const { signal, done } = interrupt();
    let failure: Error | undefined;
    try {
      for (let number = 1; number <= options.count; number++) {
        if (number > 1) await pause(options.interval, signal);
        if (signal.aborted) break;
        failure = (await pingOnce(pinger, number, options.json, signal)) ?? failure;
      }
    } finally {
      done();
      await pinger.close();
    }
    const report = pinger.report();
    if (report.answered === 0 && failure !== undefined) throw failure;
    if (options.json) printJson(report);
    else print(summary(report));
    return exitCode(report);
  },
});

/** Gives the error of a ping that was lost. Throws it when there never was a connection. */
async function pingOnce(
  pinger: Pinger,
  number: number,
  isJson: boolean,
  signal: AbortSignal,
): Promise<Error | undefined> {
  try {
    const ms = await pinger.ping(signal);
    if (!isJson) tell(number, ms, pinger);
    return undefined;
  } catch (error) {
    if (signal.aborted) return undefined;
    if (pinger.connectMs === undefined) throw error;
    if (!isJson) note(`ping ${number} was lost: ${harmless(messageOf(error))}`);
    return error as Error;
  }
}

function exitCode({ answered, lost }: PingReport): ExitCode {
  if (answered === 0) return 3;
  return lost > 0 ? 1 : 0;
}

function tell(number: number, ms: number, { connectMs = 0 }: Pinger): void {
  if (number === 1) print(`connected in ${durationText(connectMs)}`);
  print(`${paint('dim', String(number).padStart(4))}  ${durationText(ms)}`);
}

function summary(report: PingReport): string {
  const { answered, lost, reconnects, idleLimitMs, longestSilenceMs } = report;
  const [min, median, max] = [report.minMs, report.medianMs, report.maxMs].map((ms) =>
    durationText(ms ?? 0),
  );
  const times = `min ${min}, median ${median}, max ${max}`;
  const lines = [
    `${paint('bold', String(answered))} round trips: ${times}`,
    lost + reconnects === 0 ? '' : `${lost} lost, ${reconnects} reconnects`,
    idleLimitMs === null
      ? `The path lived after ${durationText(longestSilenceMs)} of silence; no idle limit is known`
      : paint('yellow', `The path was dead after ${durationText(idleLimitMs)} of silence`),
  ];
  return lines.filter((line) => line !== '').join('\n');
}
