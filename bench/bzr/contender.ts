/** Where the server is: by TCP, or as a program at the far end of ssh. */
export type Place =
  | { readonly host: string; readonly port: number }
  | {
      readonly host: string;
      readonly port: number;
      readonly user: string;
      /** The ssh client: as a program that needs no more options, and as its configuration. */
      readonly program: string;
      readonly configFile: string;
      /** How brz is called there, by a shell. */
      readonly brz: string;
    };

/** One request. */
export interface Request {
  readonly verb: string;
  readonly args: readonly string[];
  readonly body?: string;
  /** The chunks of a streamed body, as hexadecimal digits. */
  readonly stream?: readonly string[];
}

/** What came of it. */
export type Answer = Succeeded | Failed | Hung;

export interface Succeeded {
  readonly is: 'answer';
  readonly words: readonly string[];
  /** The digest of the reply's body. */
  readonly sha1: string;
  readonly ms: number;
}

export interface Failed {
  readonly is: 'failure';
  /** The error's text. */
  readonly told: string;
  /** What it says of the server's side, if it says anything. */
  readonly outcome?: 'not-executed' | 'executed' | 'unknown';
  readonly ms: number;
}

/** Nothing came within the time that a call is given. */
export interface Hung {
  readonly is: 'hang';
  readonly ms: number;
}

/** A client library that is put to the test. */
export interface Contender {
  readonly name: ContenderName;
  /** A new client, in place of the one before. */
  open(place: Place): Promise<void>;
  /** Makes a call. Without an answer after `boundMs` it is a hang. */
  call(request: Request, boundMs: number): Promise<Answer>;
  /** Ends the client. */
  close(): Promise<void>;
}

export const contenderNames = ['brz', 'holdfast'] as const;
export type ContenderName = (typeof contenderNames)[number];
