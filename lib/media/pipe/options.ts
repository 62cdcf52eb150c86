import {
  type Check,
  type Checks,
  milliseconds,
  ofType,
  optionError,
  resolveOptions,
  show,
} from '../../util/check.ts';

/** Which program is run, and how it is treated. */
export interface PipeOptions {
  /** A program's name or path, and nothing else: there is no shell that would read more into it. */
  readonly command: string;
  /** Its arguments. They are not secret: every user of the machine can list them. */
  readonly args?: readonly string[];
  /** The folder that it runs in. Default: our own. */
  readonly cwd?: string;
  /** Its whole environment. Default: our own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Called with what it says on its stderr; the last lines are in errors anyway. */
  readonly onStderr?: (chunk: Buffer) => void;
  /** A program whose stdin has ended may take so long until it is sent SIGTERM. Default 2 s. */
  readonly termAfterMs?: number;
  /** And then so long until it is sent SIGKILL. Default 2 s. */
  readonly killAfterMs?: number;
}

const defaults = { args: [] as readonly string[], termAfterMs: 2_000, killAfterMs: 2_000 };

/** {@link PipeOptions} with their defaults. */
export type PipeSettings = Readonly<PipeOptions & typeof defaults>;

const text: Check = (name, value) => {
  ofType('string')(name, value);
  if (value === '') throw optionError(`Option "${name}" must not be empty`);
  noNul(name, value as string);
};

const checks: Checks<PipeOptions> = {
  command: text,
  args: (name, value) => {
    if (!Array.isArray(value)) {
      throw optionError(`Option "${name}" must be an array of strings, got ${show(value)}`);
    }
    for (const [index, one] of value.entries()) {
      ofType('string')(`${name}[${index}]`, one);
      noNul(`${name}[${index}]`, one);
    }
  },
  cwd: text,
  env: (name, value) => {
    ofType('object')(name, value);
    for (const [variable, one] of Object.entries(value as object)) {
      // Without the value: secrets are handed over here.
      if (one !== undefined && typeof one !== 'string') {
        throw optionError(`Option "${name}.${variable}" must be a string`);
      }
      if (`${variable}${one}`.includes('\0')) {
        throw optionError(`Option "${name}.${variable}" must not have a NUL`);
      }
    }
  },
  onStderr: ofType('function'),
  termAfterMs: milliseconds(),
  killAfterMs: milliseconds(1),
};

/** Checks the options and fills them in. Throws `ERR_HOLDFAST_OPTION`. */
export function resolvePipeOptions(options: PipeOptions): PipeSettings {
  const settings = resolveOptions('pipe option', options, defaults, checks);
  checks.command('command', settings.command);
  return settings;
}

function noNul(name: string, value: string): void {
  if (value.includes('\0')) {
    throw optionError(`Option "${name}" must not have a NUL, got ${show(value)}`);
  }
}
