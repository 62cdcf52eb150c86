import ssh2, {
  type AuthContext,
  type AuthenticationType,
  type KeyboardAuthContext,
  type ParsedKey,
  type PublicKeyAuthContext,
} from 'ssh2';
import type { KeyPair } from './ssh-keys.ts';

/** Who may come in; by default everybody. */
export interface Admission {
  readonly methods: readonly AuthenticationType[];
  readonly password?: string;
  readonly keys?: readonly KeyPair[];
  /** Asked one after another; every answer must be right. */
  readonly questions?: readonly { readonly text: string; readonly answer: string }[];
  /** After a right key, a password too. */
  readonly both?: boolean;
  /** Passwords must be changed first. */
  readonly mustChange?: boolean;
}

/** Decides one try to authenticate. */
export function admit(context: AuthContext, admission: Admission): void {
  const { methods, password } = admission;
  if (!methods.includes(context.method)) context.reject([...methods]);
  else if (context.method === 'publickey') admitKey(context, admission);
  else if (context.method === 'keyboard-interactive') ask(context, admission);
  else if (context.method === 'password' && admission.mustChange) {
    context.requestChange('Your password has expired', () => {});
  } else if (context.method === 'password' && context.password !== password) {
    context.reject([...methods]);
  } else context.accept();
}

function admitKey(context: PublicKeyAuthContext, { methods, keys = [], both }: Admission): void {
  const key = keys.find(({ blob }) => blob.equals(context.key.data));
  if (key === undefined) {
    context.reject([...methods]);
  } else if (context.signature === undefined) {
    context.accept();
  } else {
    const parsed = ssh2.utils.parseKey(key.public) as ParsedKey;
    const { hashAlgo } = context as { hashAlgo?: string };
    const isProved = parsed.verify(context.blob as Buffer, context.signature, hashAlgo);
    if (!isProved) context.reject([...methods]);
    else if (both) context.reject(['password'], true);
    else context.accept();
  }
}

function ask(context: KeyboardAuthContext, { methods, questions = [] }: Admission): void {
  const prompts = questions.map(({ text }) => ({ prompt: text, echo: false }));
  context.prompt(prompts, 'Name', 'Instructions', (answers: unknown) => {
    const given = answers as readonly string[];
    const isRight = questions.every(({ answer }, index) => given[index] === answer);
    if (isRight) context.accept();
    else context.reject([...methods]);
  });
}
