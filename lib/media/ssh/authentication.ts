import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import type {
  AnyAuthMethod,
  AuthenticationType,
  KeyboardInteractiveAuthMethod,
  ParsedKey,
} from 'ssh2';
import { codeOf, HoldfastError, messageOf } from '../../errors.ts';
import type { Ssh2 } from './load.ts';
import { inHome, type SshSettings } from './options.ts';

/** One way to prove who we are, not yet tried. */
interface Way {
  readonly type: AuthenticationType;
  /** For errors, e.g. `key /home/me/.ssh/id_ed25519`. */
  readonly label: string;
  readonly method: AnyAuthMethod;
}

const defaultKeyFiles = ['~/.ssh/id_ed25519', '~/.ssh/id_ecdsa', '~/.ssh/id_rsa'];

/** The ways that one dial has, in their order, and what became of them. */
export class Authentication {
  readonly #user: string;
  readonly #ways: Way[] = [];
  readonly #tried: string[] = [];
  readonly #notes: string[] = [];
  readonly #agentStreams = new Set<Duplex>();
  #offered: readonly string[] | undefined;
  #hasAsked = false;
  /** Called when the application does not answer the server's questions. */
  onFailed: (error: HoldfastError) => void = () => {};

  private constructor(user: string) {
    this.#user = user;
  }

  /** Reads what has to be read. Rejects when a key that was asked for cannot be used. */
  static async prepare(ssh2: Ssh2, settings: SshSettings): Promise<Authentication> {
    const self = new Authentication(settings.user);
    const { agent, password, onPrompt, privateKey, privateKeyFile } = settings;
    if (privateKey !== undefined) {
      self.#addKey(parse(ssh2, privateKey, 'the private key', settings), 'the private key');
    } else if (privateKeyFile !== undefined) {
      self.#addKey(await readKey(ssh2, privateKeyFile, settings), `key ${privateKeyFile}`);
    }
    const isGiven = self.#ways.length > 0 || password !== undefined;
    const socket = agent ?? (isGiven ? false : process.env['SSH_AUTH_SOCK']);
    if (socket) self.#addAgent(ssh2, socket);
    if (!isGiven && agent === undefined) await self.#addDefaultKeys(ssh2, settings);
    if (password !== undefined) self.#add('password', 'password', { password });
    if (onPrompt !== undefined || password !== undefined) {
      const prompt = prompter(settings, (error) => self.onFailed(error));
      self.#add('keyboard-interactive', 'keyboard-interactive', { prompt });
    }
    return self;
  }

  /** The next way that the server takes; false when there is none. */
  next(offered: readonly string[] | null): AnyAuthMethod | false {
    if (!this.#hasAsked) {
      // Asking without a proof costs nothing and tells which ways the server takes.
      this.#hasAsked = true;
      return { type: 'none', username: this.#user };
    }
    this.#offered = offered ?? undefined;
    const at = this.#ways.findIndex(({ type }) => isOffered(type, offered));
    const way = at < 0 ? undefined : this.#ways.splice(at, 1)[0];
    if (way === undefined) return false;
    this.#tried.push(way.label);
    return way.method;
  }

  /** Something that went wrong on the way without ending it, e.g. an agent that does not answer. */
  note(what: string): void {
    this.#notes.push(what);
  }

  /** Why nothing worked. */
  failure(address: string): HoldfastError {
    const tried = this.#tried.length > 0 ? this.#tried.join(', ') : 'nothing';
    const offered = this.#offered?.length ? this.#offered.join(', ') : 'nothing';
    const notes = this.#notes.map((note) => `; ${note}`).join('');
    const message = `Authentication failed at ${address}: tried ${tried}; the server takes ${offered}${notes}`;
    return new HoldfastError('ERR_HOLDFAST_DIAL', message, { final: true });
  }

  /** Nothing is asked any more: an agent that does not answer is left. */
  end(): void {
    for (const stream of this.#agentStreams) stream.destroy();
  }

  #add(type: AuthenticationType, label: string, proof: object): void {
    const method = { type, username: this.#user, ...proof } as AnyAuthMethod;
    this.#ways.push({ type, label, method });
  }

  #addKey(key: ParsedKey, label: string): void {
    this.#add('publickey', label, { key });
  }

  #addAgent(ssh2: Ssh2, socket: string): void {
    const agent = ssh2.createAgent(socket);
    const getStream = agent.getStream?.bind(agent);
    if (getStream !== undefined) {
      // ssh2 does not give up on an agent by itself.
      agent.getStream = (callback) => {
        getStream((error, stream) => {
          if (stream !== undefined && stream !== null) {
            this.#agentStreams.add(stream);
            stream.on('close', () => this.#agentStreams.delete(stream));
          }
          callback(error as undefined, stream as Duplex);
        });
      };
    }
    this.#add('agent', `agent ${socket}`, { agent });
  }

  async #addDefaultKeys(ssh2: Ssh2, settings: SshSettings): Promise<void> {
    for (const file of defaultKeyFiles) {
      try {
        this.#addKey(await readKey(ssh2, file, settings), `key ${file}`);
      } catch (error) {
        if (codeOf((error as HoldfastError).cause) !== 'ENOENT') this.note(messageOf(error));
      }
    }
  }
}

function isOffered(type: AuthenticationType, offered: readonly string[] | null): boolean {
  return offered === null || offered.includes(type === 'agent' ? 'publickey' : type);
}

async function readKey(ssh2: Ssh2, file: string, settings: SshSettings): Promise<ParsedKey> {
  let bytes: Buffer;
  try {
    bytes = await readFile(inHome(file));
  } catch (error) {
    throw keyError(`Cannot read the private key ${file}: ${messageOf(error)}`, error);
  }
  return parse(ssh2, bytes, `the private key ${file}`, settings);
}

function parse(
  { utils }: Ssh2,
  bytes: string | Uint8Array,
  what: string,
  { passphrase }: SshSettings,
): ParsedKey {
  const data = typeof bytes === 'string' ? bytes : Buffer.from(bytes);
  const parsed: ParsedKey | Error | ParsedKey[] = utils.parseKey(data, passphrase);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || key instanceof Error) {
    const why = key === undefined ? 'there is none in it' : messageOf(key);
    const advice = /no passphrase given/.test(why) ? ' (set the option "passphrase")' : '';
    throw keyError(`Cannot use ${what}: ${why}${advice}`, key);
  }
  if (!key.isPrivateKey()) throw keyError(`Cannot use ${what}: it is a public key`, undefined);
  return key;
}

function keyError(message: string, cause: unknown): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_DIAL', message, { final: true, cause });
}

/** Answers the server's questions: by the application, or by the password if that is all it asks. */
function prompter(
  { onPrompt, password }: SshSettings,
  onFailed: (error: HoldfastError) => void,
): KeyboardInteractiveAuthMethod['prompt'] {
  let hasGivenPassword = false;
  return (name, instructions, _language, prompts, answer) => {
    const asked = prompts.map(({ prompt, echo }) => ({ text: prompt, echo: echo === true }));
    if (onPrompt === undefined) {
      const isPassword = asked.length === 1 && asked[0]?.echo === false && !hasGivenPassword;
      hasGivenPassword = true;
      // Empty answers make the server say no, and the next way is tried.
      answer(isPassword ? [password ?? ''] : asked.map(() => ''));
      return;
    }
    const ask = async (): Promise<void> => {
      const answers = await onPrompt(asked, { name, instructions });
      const isRight =
        Array.isArray(answers) &&
        answers.length === asked.length &&
        answers.every((one) => typeof one === 'string');
      if (!isRight) throw new Error(`it must give ${asked.length} strings`);
      answer([...answers]);
    };
    ask().catch((error: unknown) => {
      const message = `The server's questions were not answered by onPrompt: ${messageOf(error)}`;
      onFailed(new HoldfastError('ERR_HOLDFAST_DIAL', message, { final: true, cause: error }));
    });
  };
}
